"""The conformance suite: what the contract promises of every model, as checks that anyone can run.

A plugin's tests need five lines:

    from cvp_core.testing import ModelConformance

    class TestFoo(ModelConformance):
        models = "foonet*"
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .checks import CHECKS, Check, CheckError, Subject
    from .conformance import ModelConformance
    from .report import Outcome, run_checks

__all__ = ["CHECKS", "Check", "CheckError", "ModelConformance", "Outcome", "Subject", "run_checks"]

_LAZY = {
    "CHECKS": "checks",
    "Check": "checks",
    "CheckError": "checks",
    "Subject": "checks",
    "ModelConformance": "conformance",
    "Outcome": "report",
    "run_checks": "report",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
