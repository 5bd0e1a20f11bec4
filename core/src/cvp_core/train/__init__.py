"""Training: one frozen configuration in, one run folder and one weights file out."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .config import TrainConfig, resolve_config
from .events import Callback, EpochResult, Progress

if TYPE_CHECKING:
    from .planning import Plan, plan, plan_to_resume
    from .session import TrainResult, train

__all__ = [
    "Callback",
    "EpochResult",
    "Plan",
    "Progress",
    "TrainConfig",
    "TrainResult",
    "plan",
    "plan_to_resume",
    "resolve_config",
    "train",
]

_LAZY = {
    "Plan": "planning",
    "plan": "planning",
    "plan_to_resume": "planning",
    "TrainResult": "session",
    "train": "session",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"cvp_core.train.{_LAZY[name]}"), name)
    raise AttributeError(f"module 'cvp_core.train' has no attribute {name!r}")
