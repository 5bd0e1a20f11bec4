"""The table of contents that a tar archive lacks: made once by reading its headers, then kept in the user's cache.

A compressed tar can only be read from its beginning, and training draws pictures at random. So it is unpacked once
into a plain tar in the user's cache: what people download is mostly .tar.gz, and to refuse it would make everyone
run the same command by hand.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import CvpError, DataError
from .kept import Sink, keep, kept_path
from .members import Members, Row
from .packed import PART, PLAIN, Container
from .unpacking import tell_unpacked

__all__ = ["index_tar", "plain_tar"]

_WORTH = 1000  # members: fewer are read within milliseconds
_CHUNK = 1 << 20
_INDEX = 1  # version of what is kept

_PACKERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_ZSTD = b"\x28\xb5\x2f\xfd"


def plain_tar(path: Path) -> tuple[Path, tuple[str, ...]]:
    """A tar archive that is not compressed, `path` itself or one in the user's cache, and what to tell about it.

    Raises DataError for a compressed one that is damaged or cut off, and as `keep` does.
    """
    source = Container.of(path)
    unpack = _unpacker(path, source)
    if unpack is None:
        return path, ()

    def write(target: Sink) -> None:
        try:
            with open(path, "rb") as file, unpack(file, "rb") as packed:
                for chunk in iter(lambda: packed.read(_CHUNK), b""):
                    target.write(chunk)
                    tell_unpacked(source.title, file.tell(), source.size)
        except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile, ValueError) as error:
            raise _damaged(source.title, error) from None

    plain = keep(kept_path("archives", source, ".tar"), source, write)
    return plain, (f"{source.title} is compressed as a whole, so it is unpacked once, into {plain}",)


def index_tar(path: Path, title: str = "") -> Members:
    """The members of a plain tar archive. Raises DataError for what is no tar archive, damaged or cut off."""
    container = Container.of(path, title)
    kept = kept_path("indices", container, f".{_INDEX}.npz")
    with contextlib.suppress(OSError, ValueError, LookupError, EOFError, zlib.error, zipfile.BadZipFile):
        return _loaded(kept, container)
    with contextlib.suppress(OSError):
        kept.unlink(missing_ok=True)  # damaged, or it was not there
    members = _read_headers(container)
    if len(members.names) >= _WORTH:
        with contextlib.suppress(CvpError):  # it saves time and nothing else
            keep(kept, container, lambda file: _save(members, file))
    return members


def _read_headers(container: Container) -> Members:
    try:
        with tarfile.open(container.path, "r:") as archive:
            return Members.collected(container, _found(archive)).with_notes(_end(archive, container))
    except (tarfile.TarError, ValueError, OverflowError) as error:
        raise _damaged(container.title, error) from None
    except OSError as error:
        raise DataError(f"{container.title} cannot be read: {error.strerror or error}") from None


def _found(archive: tarfile.TarFile) -> Iterator[tuple[str, str, Row]]:
    while (member := archive.next()) is not None:
        archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
        row = (0, member.offset_data, member.size, member.size, PLAIN, 0)
        if member.isdir():
            yield member.name, "folder", row
        else:
            yield member.name, "file" if member.isfile() and not member.issparse() else "other", row


def _end(archive: tarfile.TarFile, container: Container) -> tuple[str, ...]:
    """Looks at what follows the last member: `tarfile` takes a header that it cannot read for the end."""
    with open(container.path, "rb") as file:
        file.seek(archive.offset)
        block = file.read(tarfile.BLOCKSIZE)
    if not block:
        return (f"{container.title} has no end mark; it may have been cut off",)
    if block != bytes(tarfile.BLOCKSIZE):
        raise _damaged(container.title, f"at byte {archive.offset:,}")
    return ()


def _unpacker(path: Path, source: Container) -> Callable[..., Any] | None:
    """What opens a compressed file, by how it begins; None for one that is not compressed."""
    try:
        with open(path, "rb") as file:
            begin = file.read(6)
    except OSError as error:
        raise DataError(f"{source.title} cannot be read: {error.strerror or error}") from None
    if begin.startswith(_ZSTD):
        try:
            opener: Callable[..., Any] = import_module("compression.zstd").open
        except ImportError:
            raise DataError(
                f"{source.title} is packed by zstd, which Python reads from 3.14 on; unpack it: zstd -d {source.title}"
            ) from None
        return opener
    return next((opener for sign, opener in _PACKERS.items() if begin.startswith(sign)), None)


def _damaged(title: str, reason: object) -> DataError:
    return DataError(f"{title} is no tar archive, or it is damaged or cut off ({reason}); copy or download it again")


def _save(members: Members, file: Sink) -> None:
    names = "\0".join(members.names).encode("utf-8", "surrogateescape")
    rest = json.dumps({"folders": members.folders, "ignored": members.ignored, "notes": members.notes}).encode()
    buffer = io.BytesIO()
    np.savez(buffer, names=_bytes(names), parts=members.parts, rest=_bytes(rest))
    file.write(buffer.getvalue())


def _loaded(kept: Path, container: Container) -> Members:
    with np.load(kept, allow_pickle=False) as arrays:
        names = arrays["names"].tobytes().decode("utf-8", "surrogateescape").split("\0")
        rest = {key: tuple(value) for key, value in json.loads(arrays["rest"].tobytes()).items()}
        return Members(container, names, arrays["parts"].astype(PART), **rest)


def _bytes(text: bytes) -> np.ndarray:
    return np.frombuffer(text, np.uint8)
