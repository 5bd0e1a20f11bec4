"""What must be unpacked before it can be read by place: once, into the user's cache."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Protocol

from ..errors import DataError, MachineError, OutputError
from ..places import user_cache
from .packed import Container
from .unpacking import tell_unpacked

__all__ = ["Sink", "keep", "kept_path"]

_SPARED = 1 << 30  # bytes of the disk that are left free
_FREE_GROWTH, _GROWTH = 1 << 30, 50  # a bomb is what grows beyond 1 GiB and 50 times: photographs hardly grow at all
_ABANDONED_S = 86_400


class Sink(Protocol):
    """What can be written to."""

    def write(self, data: bytes, /) -> int: ...


def kept_path(kind: str, source: Container, suffix: str) -> Path:
    """Where what is made of `source`, as it is now, is kept in the cache; its first part is the source's path."""
    place = hashlib.blake2b(os.fsencode(source.path), digest_size=10).hexdigest()
    state = hashlib.blake2b(f"{source.size} {source.mtime_ns}".encode(), digest_size=6).hexdigest()
    return user_cache(kind) / f"{place}-{state}{suffix}"


def keep(target: Path, source: Container, write: Callable[[Sink], None]) -> Path:
    """`target`, a `kept_path`, written by `write` unless it is there; what was made of an older `source` goes.

    It gets the source's time of change, so that what depends on it lasts when it has to be made again.
    Raises DataError for what grows like a bomb, MachineError before the disk is full, and OutputError where the
    cache cannot be written. An interruption leaves nothing that would be taken for it.
    """
    return target if target.exists() else _made(target, source, write)


def _made(target: Path, source: Container, write: Callable[[Sink], None]) -> Path:
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target.parent)
        tell_unpacked(source.title, 0, source.size)
        with open(part, "xb") as file:
            write(_Bounded(file, target.parent, source))
            file.flush()
            os.fsync(file.fileno())
        os.utime(part, ns=(source.mtime_ns, source.mtime_ns))
        os.replace(part, target)
        tell_unpacked(source.title, source.size, source.size)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write {target}: {reason}; $CVP_CACHE names another cache folder") from error
    finally:
        part.unlink(missing_ok=True)
    for older in target.parent.glob(f"{target.name.partition('-')[0]}-*"):
        if older.stem != target.stem:
            older.unlink(missing_ok=True)
    return target


def _remove_abandoned(folder: Path) -> None:
    """What a process that was killed left half; others may be at work, so only what is old."""
    for part in folder.glob(".*.part"):
        with contextlib.suppress(OSError):
            if time.time() - part.stat().st_mtime > _ABANDONED_S:
                part.unlink()


class _Bounded:
    """Writes to a file as long as that is sensible."""

    def __init__(self, file: BinaryIO, folder: Path, source: Container) -> None:
        self._file, self._folder, self._source = file, folder, source
        self._written, self._limit = 0, _FREE_GROWTH + _GROWTH * source.size

    def write(self, data: bytes, /) -> int:
        self._written += len(data)
        if self._written > self._limit:
            raise DataError(
                f"{self._source.title} unpacks to more than {_GROWTH} times its size, as bombs do; unpack it yourself "
                "and give the folder, if you trust it"
            )
        if shutil.disk_usage(self._folder).free - len(data) < _SPARED:
            raise MachineError(
                f"the disk has no room to unpack {self._source.title} into {self._folder}; free some, name another "
                "cache folder by $CVP_CACHE, or unpack it yourself and give the folder"
            )
        return self._file.write(data)
