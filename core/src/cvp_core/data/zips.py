"""The table of contents of a zip archive."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ..errors import DataError
from .members import Members, Row, is_picture
from .packed import BZIP2, DEFLATED, STORED, Container

__all__ = ["index_zip"]

_METHODS = (STORED, DEFLATED, BZIP2)
_OTHERS = {9: "deflate64", 14: "lzma", 93: "zstd", 95: "xz", 98: "ppmd"}
_ENCRYPTED, _IS_UTF8 = 0x1, 0x800  # bits of a member's flags
_UNICODE_PATH = 0x7075  # the extra field in which Info-ZIP keeps the name as UTF-8
_MADE_ON_DOS = 0


def index_zip(path: Path, title: str = "") -> Members:
    """The members of a zip archive; its table of contents is read, no member is.

    Raises DataError for what is no zip archive or is cut off, and that names a picture that is encrypted or packed by
    a method other than deflate and bzip2.
    """
    container = Container.of(path, title)
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
    except OSError as error:
        raise DataError(f"{container.title} cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, NotImplementedError, ValueError, LookupError, struct.error) as error:
        raise DataError(
            f"{container.title} is no zip archive, or it is damaged or cut off ({error}); copy or download it again"
        ) from None
    unknown = sum(not name.isascii() and not is_sure for name, is_sure in map(_name, infos))
    note = f"{container.title} does not say how {unknown} names are encoded; they are read as cp437"
    return Members.collected(container, _found(infos, container.title)).with_notes([note] if unknown else [])


def _found(infos: list[zipfile.ZipInfo], title: str) -> Iterator[tuple[str, str, Row]]:
    for info in infos:
        name, _ = _name(info)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if name.endswith("/"):
            yield name, "folder", _row(info)
        elif kind not in (0, stat.S_IFREG):
            yield name, "other", _row(info)
        else:
            if is_picture(name):
                _check(info, name, title)
            yield name, "file", _row(info)


def _check(info: zipfile.ZipInfo, name: str, title: str) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise DataError(f"{title}: '{name}' is encrypted; unpack it with its password, and pack it without one")
    if info.compress_type not in _METHODS:
        method = _OTHERS.get(info.compress_type, f"method {info.compress_type}")
        raise DataError(f"{title}: '{name}' is packed by {method}; allowed are stored, deflate and bzip2: zip -r does")


def _row(info: zipfile.ZipInfo) -> Row:
    return 0, info.header_offset, info.compress_size, info.file_size, info.compress_type & 0x7F, info.CRC


def _name(info: zipfile.ZipInfo) -> tuple[str, bool]:
    """The member's name, and whether its encoding is sure: many programs write UTF-8 and do not say so."""
    name, is_sure = info.orig_filename.partition("\0")[0], True
    if not info.flag_bits & _IS_UTF8 and not name.isascii():
        raw = name.encode("cp437", "replace")
        try:
            name = (_unicode_path(info.extra) or raw).decode("utf-8")
        except UnicodeDecodeError:
            is_sure = False
    # Some programs of Windows separate folders as Windows does.
    return (name.replace("\\", "/") if info.create_system == _MADE_ON_DOS else name), is_sure


def _unicode_path(extra: bytes) -> bytes:
    while len(extra) >= 4:
        kind, length = struct.unpack_from("<HH", extra)
        if kind == _UNICODE_PATH:
            return extra[9 : 4 + length]  # after a version and a checksum
        extra = extra[4 + length :]
    return b""
