"""Decoded pictures kept on disk, so that later epochs, and later runs on the same files, decode nothing.

A cache is one file: an index with an entry a picture, then the pixels in the order in which they came, each as large
as it is (no padding: photographs have many shapes). Any number of processes read and add at once without waiting:
pixels are appended by one write, and only then does the entry say where they lie, with their checksum. So what was cut
off, overwritten or never reached the disk is decoded again, and never shown. The file is read, not mapped: reading a
mapped file that somebody shortens would kill the process, and the one copy that it saves is needed anyway.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import struct
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..locks import take_lock
from ..places import user_cache

__all__ = ["PictureCache"]

_ENTRY = struct.Struct("<QHHI")  # where the pixels begin (0: not there yet), height, width, checksum
_SPARED = 1 << 30  # bytes of the disk that are left free
_FORMAT = b"cvp pictures 2"


class PictureCache:
    """uint8 pixels (H, W, channels) by number, in the file that `key` names. Can be sent to worker processes.

    key: everything that the pixels depend on. room: bytes that all caches in the folder may take together; for what
    is missing then, those that no process uses go, the least recently used first. A picture that finds no room, or a
    folder that cannot be written, costs time and nothing else: `get` gives None and `put` does nothing.
    One process's threads must take turns.
    """

    def __init__(self, key: Iterable[bytes], count: int, channels: int, room: int, folder: Path | None = None) -> None:
        digest = hashlib.blake2b(_FORMAT, digest_size=20)
        for part in key:
            digest.update(struct.pack("<Q", len(part)))
            digest.update(part)
        self.path = (folder or user_cache("pictures")) / f"{digest.hexdigest()}.pixels"
        self.count, self.channels, self.room = count, channels, room
        self._start = _ENTRY.size * count
        self._files: _Files | None = None
        self._owner = 0
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.stat().st_size > room:
                self.path.unlink()
        if self._own() is not None:  # held from now on, so that no other process makes room with it
            with contextlib.suppress(OSError):
                os.utime(self.path)

    def get(self, index: int) -> np.ndarray | None:
        """The pixels, writable, or None where they are not there or not sound."""
        files = self._own()
        if files is None:
            return None
        try:
            entry = os.pread(files.entries, _ENTRY.size, index * _ENTRY.size)
            if len(entry) < _ENTRY.size:
                return None
            begin, height, width, checksum = _ENTRY.unpack(entry)
            size = height * width * self.channels
            if begin < self._start or not size or begin + size > os.fstat(files.entries).st_size:
                return None
            pixels = np.empty((height, width, self.channels), np.uint8)
            if os.preadv(files.entries, [pixels.data], begin) != size:
                return None
        except OSError:
            return None
        if not files.checked[index]:  # once: after that, only this machine's memory could change them
            if _checksum(pixels) != checksum:
                return None
            files.checked[index] = True
        return pixels

    def put(self, index: int, pixels: np.ndarray) -> None:
        """Keeps the pixels if there is room."""
        files = self._own()
        if files is None or max(pixels.shape) > 0xFFFF:
            return
        pixels = np.ascontiguousarray(pixels)
        with contextlib.suppress(OSError):
            if not self._has_room(pixels.nbytes) or os.write(files.pixels, pixels.data) != pixels.nbytes:
                return
            begin = os.lseek(files.pixels, 0, os.SEEK_CUR) - pixels.nbytes
            if begin >= self._start:
                entry = _ENTRY.pack(begin, *pixels.shape[:2], _checksum(pixels))
                os.pwrite(files.entries, entry, index * _ENTRY.size)
                files.checked[index] = True

    def _own(self) -> _Files | None:
        """This process's own descriptors: those from before a fork share a position with the parent's."""
        if self._owner != os.getpid():
            self._owner, self._files = os.getpid(), None
            if hasattr(os, "preadv"):  # not on Windows
                with contextlib.suppress(OSError):
                    self._files = _Files(self.path, self._start, self.count)
        return self._files

    def _has_room(self, size: int) -> bool:
        """Whether the folder may grow by `size` bytes, after other caches have gone if need be."""
        caches = []
        with os.scandir(self.path.parent) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):  # it has gone meanwhile
                    caches.append((entry.stat().st_mtime_ns, entry.stat().st_size, entry.path))
        taken = sum(length for _, length, _ in caches)
        for _, length, path in sorted(caches):
            if taken + size <= self.room:
                break
            if path != str(self.path) and _removed_if_unused(path):
                taken -= length
        return taken + size <= self.room and shutil.disk_usage(self.path.parent).free - size >= _SPARED

    def __getstate__(self) -> dict[str, object]:
        return {**self.__dict__, "_files": None, "_owner": 0}


class _Files:
    """A cache file opened twice: at any place for the index, and for appending. A lock says that it is in use."""

    def __init__(self, path: Path, start: int, count: int) -> None:
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
        self.entries = os.open(path, flags, 0o644)
        self.pixels = os.open(path, flags | os.O_APPEND, 0o644)
        self.checked = np.zeros(count, bool)
        take_lock(self.entries, is_shared=True)
        # Whoever comes second may cut off a first picture here; its checksum then says so.
        if os.fstat(self.entries).st_size < start:
            os.ftruncate(self.entries, start)

    def __del__(self) -> None:
        for name in ("entries", "pixels"):
            if (descriptor := self.__dict__.pop(name, None)) is not None:
                os.close(descriptor)


def _checksum(pixels: np.ndarray) -> int:
    """A sum tells what is missing or another's, at ten times the speed of a CRC."""
    flat = pixels.reshape(-1)
    words = flat.size // 8 * 8
    total = int(flat[:words].view(np.uint64).sum()) + int.from_bytes(flat[words:].tobytes(), "little")
    return (total ^ total >> 32) & 0xFFFFFFFF


def _removed_if_unused(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_RDWR)
        try:
            if take_lock(descriptor) is False:
                return False
            os.unlink(path)
        finally:
            os.close(descriptor)
    except OSError:
        return False
    return True
