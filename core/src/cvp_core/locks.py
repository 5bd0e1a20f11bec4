"""Locks between processes, held on an open file or folder; the system takes them away with the process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["locked", "take_lock", "taking_turns"]


def take_lock(descriptor: int, *, waits: bool = False, is_shared: bool = False) -> bool | None:
    """Whether the lock on an open file is ours now; None where the system, or the disk, knows no such locks."""
    try:
        import fcntl

        kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
        fcntl.flock(descriptor, kind if waits else kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


@contextmanager
def locked(folder: Path, *, waits: bool = False) -> Iterator[bool | None]:
    """A lock on a folder inside, and whether it is ours, as `take_lock` has it. Raises OSError for no such folder."""
    if os.name == "nt":  # folders cannot be opened there
        yield None
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield take_lock(handle, waits=waits)
    finally:
        os.close(handle)


@contextmanager
def taking_turns(folder: Path) -> Iterator[None]:
    """Wait for other processes that write to `folder`; where it cannot be locked, everyone goes at once."""
    with locked(folder, waits=True):
        yield
