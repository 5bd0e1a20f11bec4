"""Pictures inside of larger files, archives and shards, read where they lie: nothing is unpacked to disk."""

from __future__ import annotations

import bz2
import copy
import os
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import FileIO

import numpy as np
from PIL import Image

from ..errors import DataError, ImageError
from .image import open_image
from .sources import FileSet

__all__ = ["BZIP2", "DEFLATED", "MAX_BYTES", "PART", "PLAIN", "STORED", "Container", "PackedSet"]

MAX_BYTES = 1 << 28  # of one picture, packed or not: what a reader holds in memory, whatever an archive claims

# How a picture lies in its file: as it is, or behind a zip member's own header by zip's number of the method.
PLAIN, STORED, DEFLATED, BZIP2 = -1, 0, 8, 12

# file: number of the container; start: of the bytes, or of the zip member's header; stored, size: bytes in the file
# and of the picture; checksum: CRC-32 of the picture, which only zip knows.
PART = np.dtype(
    [("file", "<i4"), ("start", "<i8"), ("stored", "<i8"), ("size", "<i8"), ("method", "i1"), ("checksum", "<u4")]
)

_HEADER = struct.Struct("<4s22xHH")  # a zip member's: signature, lengths of the name and of the extra field after it


@dataclass(frozen=True)
class Container:
    """A file that holds pictures, as it was when it was indexed. title: what a person calls it."""

    path: str
    title: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str | os.PathLike[str], title: str = "") -> Container:
        """Raises DataError for a file that cannot be read."""
        try:
            status = os.stat(path)
        except OSError as error:
            raise DataError(f"'{os.fspath(path)}' cannot be read: {error.strerror or error}") from None
        return cls(os.path.abspath(path), title or os.fspath(path), status.st_size, status.st_mtime_ns)

    def has_changed(self, file: FileIO) -> bool:
        status = os.fstat(file.fileno())
        return (status.st_size, status.st_mtime_ns) != (self.size, self.mtime_ns)


class PackedSet(FileSet):
    """Pictures that are parts of files.

    files: the containers. names: of the pictures in them. parts: PART (N,), where each lies.
    A file is opened anew for every picture, which takes 10 us of the milliseconds of decoding: so threads, forked and
    spawned workers share nothing that could go wrong, and thousands of shards need no descriptors.
    Raises DataError for a picture of more than MAX_BYTES.
    """

    def __init__(
        self,
        files: Sequence[Container],
        names: Sequence[str],
        parts: np.ndarray,
        labels: Sequence[int] | np.ndarray,
    ) -> None:
        encoded = [name.encode("utf-8", "surrogateescape") for name in names]
        super().__init__([os.fsdecode(name) for name in encoded], labels)
        self._files, self._parts = tuple(files), parts
        large = np.flatnonzero(np.maximum(parts["size"], parts["stored"]) > MAX_BYTES)
        if len(large):
            raise DataError(
                f"{self.name(int(large[0]))} has {int(parts['size'][large[0]]):,} bytes; "
                f"pictures of at most {MAX_BYTES:,} bytes are read"
            )

    def path(self, index: int) -> str:
        """The path of the file that the picture lies in."""
        return self._container(index).path

    def name(self, index: int) -> str:
        return f"{self._container(index).title}/{super().name(index)}"

    def size(self, index: int) -> int:
        """Bytes of `content`."""
        return int(self._parts["size"][index])

    def content(self, index: int) -> bytes:
        """The picture's file as it was packed. Raises ImageError with the reason alone."""
        container = self._container(index)
        try:
            with open(container.path, "rb", buffering=0) as file:
                if container.has_changed(file):
                    raise ImageError(f"{container.title} has changed since it was opened; start again")
                return _unpacked(file, self._parts[index])
        except OSError as error:
            raise ImageError(f"{container.title} cannot be read: {error.strerror or error}") from None

    def read(self, index: int, channels: int = 3, at_least: int = 0) -> Image.Image:
        try:
            return open_image(self.content(index), channels, at_least)
        except ImageError as error:
            raise DataError(f"{self.name(index)}: {error}") from error

    def stamp(self, index: int) -> bytes:
        """The container's path, size and time of change (ns), and the picture's place in it."""
        container, part = self._container(index), self._parts[index]
        where = f"\0{container.size} {container.mtime_ns} {part['start']} {part['stored']}"
        return os.fsencode(container.path) + where.encode()

    def subset(self, indices: Sequence[int] | np.ndarray) -> PackedSet:
        chosen = np.asarray(indices, dtype=np.int64)
        result = copy.copy(self)
        result._starts, result._ends = self._starts[chosen], self._ends[chosen]
        result._parts, result.labels = self._parts[chosen], self.labels[chosen]
        return result

    def _container(self, index: int) -> Container:
        return self._files[self._parts["file"][index]]


def _unpacked(file: FileIO, part: np.void) -> bytes:
    """Never more than the size that was promised, and then it is checked."""
    stored, size, method = int(part["stored"]), int(part["size"]), int(part["method"])
    file.seek(int(part["start"]))
    if method != PLAIN:
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size or not header.startswith(b"PK\3\4"):
            raise ImageError("damaged archive: the picture is not where the table of contents says")
        file.seek(sum(_HEADER.unpack(header)[1:]), os.SEEK_CUR)
    data = file.read(stored)
    if len(data) < stored:
        raise ImageError(f"the archive ends after {len(data)} of the picture's {stored} bytes")
    if method in (PLAIN, STORED) and stored != size:
        raise ImageError("damaged archive: the picture has two sizes")
    try:
        if method == DEFLATED:
            data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
        elif method == BZIP2:
            data = bz2.BZ2Decompressor().decompress(data, size + 1)
    except (zlib.error, OSError, EOFError, ValueError):
        raise ImageError("damaged in the archive") from None
    if len(data) != size:
        raise ImageError(f"damaged in the archive, or a bomb: it promises {size} bytes and holds others")
    if method != PLAIN and zlib.crc32(data) != int(part["checksum"]):
        raise ImageError("damaged in the archive: its checksum is another")
    return data
