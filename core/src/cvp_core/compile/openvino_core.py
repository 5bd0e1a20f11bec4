"""The module openvino without what makes its import slow, and its only Core of this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["core", "runtime"]

_CONVERTER = "openvino.tools.ovc"
_OPERATORS = tuple(f"opset{number}" for number in range(1, 33))  # by release; running a network takes none of them


@cache
def core() -> Any:
    """The only Core of this process, for all its life.

    OpenVINO's CPU plugin has signals handled on a stack of its own, and at its end brings back the one before. Of two,
    the first to end takes away what the second brings back, and the next signal, Ctrl-C say, ends the process
    (openvino 2026.4; its pull request 11894).
    """
    found = runtime().Core()
    found.get_property("CPU", "FULL_DEVICE_NAME")  # now, so that a Core of somebody else's comes and goes within ours
    return found


def runtime() -> ModuleType:
    """The module openvino. What builds and converts networks waits until it is asked for: importing that takes longer
    than all else of it.
    """
    if "openvino" not in sys.modules:
        try:
            with _stood_in_for():
                import openvino
        except ImportError:  # a release whose own __init__ needs more of them
            import openvino
        for name in _OPERATORS:
            vars(openvino).pop(name, None)
        openvino.__getattr__ = _late
    import openvino

    return openvino


@contextmanager
def _stood_in_for() -> Iterator[None]:
    """Importing openvino imports neither its converter, which its __init__ can do without, nor its operators."""
    absent = {f"openvino.{name}": ModuleType(name) for name in _OPERATORS}
    sys.modules.update(absent)
    sys.modules[_CONVERTER] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for module in (*absent, _CONVERTER):
            del sys.modules[module]


def _late(name: str) -> Any:
    """`openvino.convert_model` and the operators for whoever else uses openvino in this process."""
    if name == "convert_model":
        return import_module(_CONVERTER).convert_model
    if name in _OPERATORS:
        with suppress(ModuleNotFoundError):
            return import_module(f"openvino.{name}")
    raise AttributeError(f"module 'openvino' has no attribute {name!r}")
