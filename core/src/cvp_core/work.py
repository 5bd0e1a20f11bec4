"""Folders for work that are gone when it is done, and, where its process was killed, at the next one's beginning.

The owner holds a lock on a file in its folder, which the system takes away with the process, however that ends.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from .locks import take_lock

__all__ = ["WorkFolder", "sweep"]

_LOCK = ".cvp-lock"


class WorkFolder:
    """An empty folder, below `parent` or else below that for temporary files, until the `with` statement ends.

    Its name is `prefix` and eight letters or digits. Raises OSError where it cannot be made.
    """

    def __init__(self, prefix: str, parent: Path | None = None) -> None:
        while True:
            self.path = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
            self._lock = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            take_lock(self._lock, waits=True)
            if (self.path / _LOCK).exists():
                return
            os.close(self._lock)  # somebody's sweep came between the last two steps and took it for abandoned

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *error: object) -> None:
        _remove(self.path)
        os.close(self._lock)


def sweep(pattern: str, parent: Path | None = None, rescue: Callable[[Path], None] = lambda folder: None) -> None:
    """Removes the work folders of that name whose owner is gone, after `rescue` has seen each.

    Those of another user stay, and all of them where the system has no locks to tell.
    """
    for lock in Path(parent or tempfile.gettempdir()).glob(f"{pattern}/{_LOCK}"):
        try:
            held = os.open(lock, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
        except OSError:
            continue
        try:
            if take_lock(held) and lock.exists():
                rescue(lock.parent)
                _remove(lock.parent)
        finally:
            os.close(held)


def _remove(folder: Path) -> None:
    """The lock last: a folder without one would stay forever if this were cut off."""
    with suppress(OSError):
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            elif path.name != _LOCK:
                path.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
