"""How a run computes its steps on a CPU."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from ..machine import computing_threads, freed_memory_kept
from .cpu import FasterLayers

__all__ = ["computing"]


@contextmanager
def computing(threads: int, is_compiled: bool = False) -> Iterator[None]:
    """With so many threads, freed memory kept and layers of our own where they are faster.

    is_compiled: torch.compile makes kernels of its own of the layers that it sees, so they are left to it.
    """
    with computing_threads(threads), freed_memory_kept(), nullcontext() if is_compiled else FasterLayers():
        yield
