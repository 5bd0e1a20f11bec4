"""What was read of pictures before, so that only what is new or has changed is read again.

One SQLite file for all data sets: a folder, the lists that `cvp data split` makes of it and a data set that holds both
share what they know. A picture is known by its stamp, its path, size and time of change, so one that has changed is
another picture. A file that cannot be opened, is damaged or is written by somebody else just now costs time and
nothing else.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

import PIL

from ...places import user_cache
from .reading import READING

__all__ = ["ReadingCache", "key_of"]

_FORMAT = hashlib.blake2b(f"cvp reading 1, {READING.descr}, Pillow {PIL.__version__}".encode(), digest_size=16).digest()
_MOST = 5_000_000  # pictures, about a gigabyte; beyond, the oldest go
_AT_ONCE = 500  # keys in a question; SQLite takes 999 everywhere
_PATIENCE_S = 5.0


def key_of(stamp: bytes) -> bytes:
    """16 bytes that stand for a picture, as it is now and as this version reads it."""
    return hashlib.blake2b(stamp, digest_size=16, key=_FORMAT).digest()


class ReadingCache:
    """(reading as bytes, reason) by key. Enter it to use it; in one thread."""

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (folder or user_cache("checks")) / "readings.sqlite"
        self._file: sqlite3.Connection | None = None

    def __enter__(self) -> ReadingCache:
        with contextlib.suppress(OSError, sqlite3.Error):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._file = _opened(self.path)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError:  # what lies there is no database, or a damaged one
                self.path.unlink()
                self._file = _opened(self.path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            with contextlib.suppress(sqlite3.Error):
                self._file.close()
            self._file = None

    def get(self, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, str]]:
        """Those of `keys` that are known."""
        found: dict[bytes, tuple[bytes, str]] = {}
        if self._file is None:
            return found
        with contextlib.suppress(sqlite3.Error):
            for part in _parts(keys):
                marks = ",".join("?" * len(part))
                rows = self._file.execute(f"SELECT key, reading, reason FROM readings WHERE key IN ({marks})", part)
                found.update((key, (reading, reason)) for key, reading, reason in rows)
        return {key: value for key, value in found.items() if len(value[0]) == READING.itemsize}

    def put(self, rows: Iterable[tuple[bytes, bytes, str]]) -> None:
        """Keeps (key, reading, reason), all at once."""
        if self._file is None:
            return
        with contextlib.suppress(sqlite3.Error), self._file:
            self._file.executemany("INSERT OR REPLACE INTO readings (key, reading, reason) VALUES (?, ?, ?)", rows)
            self._file.execute("DELETE FROM readings WHERE id <= (SELECT max(id) FROM readings) - ?", (_MOST,))


def _opened(path: Path) -> sqlite3.Connection:
    file = sqlite3.connect(path, timeout=_PATIENCE_S)
    try:
        file.execute("PRAGMA synchronous = NORMAL")
        file.execute(
            "CREATE TABLE IF NOT EXISTS readings "
            "(id INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB UNIQUE, reading BLOB, reason TEXT)"
        )
    except sqlite3.Error:
        file.close()
        raise
    return file


def _parts(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    return (keys[at : at + _AT_ONCE] for at in range(0, len(keys), _AT_ONCE))
