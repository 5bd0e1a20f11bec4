"""How far the unpacking of an archive into the cache is, for whoever shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["Unpacking", "tell_unpacked", "unpacking_watched"]

# Called with the title of what is unpacked, the bytes of it that are read so far, and how many it has.
Unpacking = Callable[[str, int, int], None]

_watcher: ContextVar[Unpacking | None] = ContextVar("unpacking", default=None)


@contextmanager
def unpacking_watched(progress: Unpacking) -> Iterator[None]:
    """What is unpacked inside tells `progress` how far it is."""
    token = _watcher.set(progress)
    try:
        yield
    finally:
        _watcher.reset(token)


def tell_unpacked(title: str, done: int, total: int) -> None:
    """Of an archive of `total` bytes that many are read; the last call says all of them."""
    if (progress := _watcher.get()) is not None:
        progress(title, min(done, total), total)
