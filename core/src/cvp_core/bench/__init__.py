"""Benchmarks: what a model, a backend, a precision and a batch cost here, beside what the machine can do at most.

Every measurement runs in a process of its own (`apart`): it may crash or hang, and leaves no threads or memory behind.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .forward import backend_names, bench_forward
    from .plot import plot_rows
    from .roofline import Limits, measure_limits
    from .row import Row
    from .training import bench_training

__all__ = [
    "Limits",
    "Row",
    "backend_names",
    "bench_forward",
    "bench_training",
    "measure_limits",
    "plot_rows",
]

_LAZY = {
    "Limits": "roofline",
    "Row": "row",
    "backend_names": "forward",
    "bench_forward": "forward",
    "bench_training": "training",
    "measure_limits": "roofline",
    "plot_rows": "plot",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
