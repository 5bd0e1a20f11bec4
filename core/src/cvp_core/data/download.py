"""Files from the network: mirrors in order, resumed, verified by hash before use, put in place atomically."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from ..errors import DataError, MachineError, OutputError
from .places import user_cache

__all__ = ["cache_folder", "fetch", "file_digest"]

Progress = Callable[[int, int | None], None]

_CHUNK = 1 << 18
_TIMEOUT_S = 30.0


class _MirrorError(Exception):
    """One mirror did not deliver; the message is the reason."""


def cache_folder(name: str) -> Path:
    """Where the files of a data set are kept. It is not made."""
    return user_cache("datasets") / name


def fetch(urls: Sequence[str], digest: str | None, target: Path, progress: Progress | None = None) -> Path:
    """`target`, downloaded from the first of `urls` that delivers it, unless it is there already.

    digest: the published SHA-256 or MD5 in hexadecimal, told apart by length; None checks nothing.
    progress: called with the bytes so far and the total, None where the server does not say.
    What was received is kept beside the target as NAME.part and continued later. Processes that want the
    same file at once take turns. Raises DataError for a file in place that is another than the published
    one, MachineError where no mirror delivers, OutputError where the folder cannot be written.
    """
    if target.exists():
        return _checked(target, digest)
    part = target.with_name(target.name + ".part")
    reasons = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _turn(target.parent):
            if target.exists():
                return _checked(target, digest)
            for url in urls:
                try:
                    _receive_verified(url, part, digest, progress)
                except _MirrorError as failure:
                    reasons.append(f"{url}: {failure}")
                    continue
                os.replace(part, target)
                return target
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write {target}: {reason}; $CVP_CACHE names another cache folder") from error
    raise MachineError(
        f"cannot download {target.name}: {'; '.join(reasons)}. Without a network, put the file there by hand: {target}"
    )


def file_digest(path: Path, digest: str) -> str:
    """The hash of a file in hexadecimal, of the kind that `digest` is. Raises ValueError if there is none."""
    kinds = {32: "md5", 40: "sha1", 64: "sha256"}
    if len(digest) not in kinds:
        raise ValueError(f"digest {digest!r} is neither SHA-256, SHA-1 nor MD5 in hexadecimal")
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kinds[len(digest)], usedforsecurity=False)).hexdigest()


def _checked(target: Path, digest: str | None) -> Path:
    if digest is not None and (actual := file_digest(target, digest)) != digest.lower():
        raise DataError(
            f"'{target}' is not the published file (hash {actual}, expected {digest}); delete it to download it again"
        )
    return target


def _receive_verified(url: str, part: Path, digest: str | None, progress: Progress | None) -> None:
    """`part`, complete and right. A continued file that turns out wrong is fetched anew, once."""
    if digest is None:  # nothing would notice that the beginning is another file's
        part.unlink(missing_ok=True)
    continued = part.exists() and part.stat().st_size > 0
    for attempt in range(2):
        _receive(url, part, progress)
        actual = None if digest is None else file_digest(part, digest)
        if digest is None or actual == digest.lower():
            return
        part.unlink()
        if attempt == 1 or not continued:
            raise _MirrorError(f"the file is not the published one (hash {actual}, expected {digest})")


def _receive(url: str, part: Path, progress: Progress | None) -> None:
    """Append to `part` until the server says it is whole. Raises _MirrorError, keeping what has arrived."""
    offset = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "cvp", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
    try:
        response = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and offset:  # nothing is left to send; the hash decides whether it is right
            return
        raise _MirrorError(f"the server answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _MirrorError(_network_reason(error)) from None
    with response:
        if response.status != 206 or not (response.headers.get("Content-Range") or "").startswith(f"bytes {offset}-"):
            offset = 0  # the server sends the whole file
        total = _total(response, offset)
        with part.open("ab" if offset else "wb") as file:
            received = _copy(response, file, offset, total, progress)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and received < total:
        raise _MirrorError(f"the connection ended after {received} of {total} bytes; run it again to continue")


def _copy(
    response: http.client.HTTPResponse,
    file: BinaryIO,
    offset: int,
    total: int | None,
    progress: Progress | None,
) -> int:
    received = offset
    while True:
        if progress is not None:
            progress(received, total)
        try:
            chunk = response.read(_CHUNK)
        except http.client.IncompleteRead as error:
            chunk = error.partial
        except (OSError, http.client.HTTPException) as error:
            raise _MirrorError(f"{_network_reason(error)} after {received} bytes; run it again to continue") from None
        if not chunk:
            return received
        file.write(chunk)
        received += len(chunk)


def _total(response: http.client.HTTPResponse, offset: int) -> int | None:
    if offset and (found := re.search(r"/(\d+)$", response.headers.get("Content-Range") or "")):
        return int(found[1])
    length = response.headers.get("Content-Length") or ""
    return offset + int(length) if length.isdigit() else None


def _network_reason(error: Exception) -> str:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, TimeoutError):
        return f"no answer within {_TIMEOUT_S:.0f} s"
    return " ".join(str(getattr(reason, "strerror", None) or reason).split()) or type(reason).__name__


@contextlib.contextmanager
def _turn(folder: Path) -> Iterator[None]:
    """Wait for other processes that write to `folder`; where it cannot be locked, everyone goes at once."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
