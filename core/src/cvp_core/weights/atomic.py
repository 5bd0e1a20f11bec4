"""Files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from pathlib import Path

from ..errors import MachineError, OutputError

__all__ = ["make_folder", "write_atomically"]


def make_folder(folder: Path) -> Path:
    """Creates `folder` and its parents. Raises OutputError where that, or writing into it, is not possible."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _output_error(folder, error) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write into {folder}: permission denied; choose another folder")
    return folder


def write_atomically(path: Path, content: bytes) -> None:
    """Writes `content` so that `path` is at every moment absent, the old file, or the whole new one.

    Where the file system can, the new file has no name until it is complete, so that even SIGKILL leaves
    nothing behind. Raises OutputError for a place that cannot be written, MachineError for a full disk.
    """
    make_folder(path.parent)
    try:
        if not _write_unnamed(path, content):
            _write_named(path, content)
        _sync_folder(path.parent)
    except OSError as error:
        raise _output_error(path, error) from error


def _write_unnamed(path: Path, content: bytes) -> bool:
    """Linux: an unnamed file (O_TMPFILE) gets a name only after its content is on the disk."""
    if not hasattr(os, "O_TMPFILE"):
        return False
    try:
        descriptor = os.open(path.parent, os.O_TMPFILE | os.O_WRONLY, 0o644)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOENT):
            return False  # the file system knows no unnamed files
        raise
    temporary = _temporary_name(path)
    with os.fdopen(descriptor, "wb") as file:
        _write_and_sync(file.fileno(), content)
        try:
            # A folder's descriptor makes Python call linkat, which follows the link that link() would copy.
            folder = os.open("/proc/self/fd", os.O_RDONLY)
            try:
                os.link(str(file.fileno()), temporary.absolute(), src_dir_fd=folder, follow_symlinks=True)
            finally:
                os.close(folder)
        except OSError:
            return False
    os.replace(temporary, path)
    return True


def _write_named(path: Path, content: bytes) -> None:
    temporary = _temporary_name(path)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            _write_and_sync(file.fileno(), content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _temporary_name(path: Path) -> Path:
    return path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"


def _write_and_sync(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
    os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _output_error(path: Path, error: OSError) -> Exception:
    reason = (error.strerror or str(error)).lower()
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
        return MachineError(f"cannot write {path}: {reason}; free some space and run it again")
    return OutputError(f"cannot write {path}: {reason}; choose another folder")
