"""Files from the network: mirrors in order, resumed, verified by hash before use, put in place atomically."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import BinaryIO

from .digest import file_digest
from .errors import DataError, MachineError, OutputError
from .places import user_cache

__all__ = ["OFFLINE", "Progress", "cache_folder", "fetch", "taking_turns", "watched"]

# Called with the file's name, the bytes so far and the total, None where the server does not say.
Progress = Callable[[str, int, int | None], None]

OFFLINE = "CVP_OFFLINE"  # set to anything, nothing is downloaded

_watcher: ContextVar[Progress | None] = ContextVar("watcher", default=None)

_CHUNK = 1 << 18
_TIMEOUT_S = 30.0


class _MirrorError(Exception):
    """One mirror did not deliver; the message is the reason."""


def cache_folder(name: str) -> Path:
    """Where the files of a data set are kept. It is not made."""
    return user_cache("datasets") / name


@contextlib.contextmanager
def watched(progress: Progress) -> Iterator[None]:
    """Downloads inside tell `progress` how far they are."""
    token = _watcher.set(progress)
    try:
        yield
    finally:
        _watcher.reset(token)


def fetch(urls: Sequence[str], digest: str | None, target: Path) -> Path:
    """`target`, downloaded from the first of `urls` that delivers it, unless it is there already.

    digest: the published SHA-256, MD5 or SHA-1 in hexadecimal, told apart by length; of another length it is the
    beginning of a SHA-256; None checks nothing. An address is https://..., http://... or file://...
    What was received is kept beside the target as NAME.part and continued later, without a digest only where the
    server says that the file is still the same. Processes that want the
    same file at once take turns. Raises DataError for a file in place that is another than the published
    one, MachineError where no mirror delivers or $CVP_OFFLINE is set, OutputError where the folder cannot be written.
    """
    if target.exists():
        return _checked(target, digest)
    local = [url for url in urls if url.startswith("file:")]
    if os.environ.get(OFFLINE) and not local:
        raise MachineError(
            f"{target.name} is not here, and ${OFFLINE} forbids to download it; put {urls[-1]} there by hand: {target}"
        )
    part = target.with_name(target.name + ".part")
    reasons = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with taking_turns(target.parent):
            if target.exists():
                return _checked(target, digest)
            for url in local if os.environ.get(OFFLINE) else urls:
                try:
                    _receive_verified(url, part, digest)
                except _MirrorError as failure:
                    reasons.append(f"{url}: {failure}")
                    continue
                os.replace(part, target)
                _tag_of(part).unlink(missing_ok=True)
                return target
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write {target}: {reason}; $CVP_CACHE names another cache folder") from error
    raise MachineError(
        f"cannot download {target.name}: {'; '.join(reasons)}. Without a network, put the file there by hand: {target}"
    )


def _wrong(path: Path, digest: str | None) -> str:
    """The file's hash if it is another than the published one, else ""."""
    if digest is None or (actual := file_digest(path, digest)).startswith(digest.lower()):
        return ""
    return actual


def _checked(target: Path, digest: str | None) -> Path:
    if actual := _wrong(target, digest):
        raise DataError(
            f"'{target}' is not the published file (hash {actual}, expected {digest}); delete it to download it again"
        )
    return target


def _receive_verified(url: str, part: Path, digest: str | None) -> None:
    """`part`, complete and right. A continued file that turns out wrong is fetched anew, once."""
    tag = _tag_of(part)
    if digest is None and _tagged(tag, url) is None:  # nothing would notice that the beginning is another file's
        part.unlink(missing_ok=True)
    continued = part.exists() and part.stat().st_size > 0
    for attempt in range(2):
        _receive(url, part, tag if digest is None else None)
        actual = _wrong(part, digest)
        if not actual:
            return
        part.unlink()
        if attempt == 1 or not continued:
            raise _MirrorError(f"the file is not the published one (hash {actual}, expected {digest})")


def _tag_of(part: Path) -> Path:
    """Beside what was received: from which address, and how the server told that state of the file from others."""
    return part.with_name(f"{part.name}.tag")


def _tagged(tag: Path, url: str) -> str | None:
    """What stands there for `url`, to be sent as If-Range (RFC 9110, section 13.1.5)."""
    try:
        address, _, state = tag.read_text("utf-8").partition("\n")
    except (OSError, ValueError):
        return None
    return state if address == url and state else None


def _receive(url: str, part: Path, tag: Path | None) -> None:
    """Append to `part` until the server says it is whole. Raises _MirrorError, keeping what has arrived.

    tag: where the file's state is kept if no hash will tell whether the parts are of one file.
    """
    offset = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "cvp", "Accept-Encoding": "identity"}
    if offset:
        headers["Range"] = f"bytes={offset}-"
        if tag is not None:
            headers["If-Range"] = _tagged(tag, url) or "*"
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
        if tag is not None and not offset:
            etag = response.headers.get("ETag") or ""
            state = etag if etag.startswith('"') else response.headers.get("Last-Modified") or ""  # no weak ones
            tag.write_text(f"{url}\n{state}", "utf-8")
        total = _total(response, offset)
        with part.open("ab" if offset else "wb") as file:
            received = _copy(response, file, offset, total, part.name.removesuffix(".part"))
            file.flush()
            os.fsync(file.fileno())
    if total is not None and received < total:
        raise _MirrorError(f"the connection ended after {received} of {total} bytes; run it again to continue")


def _copy(
    response: http.client.HTTPResponse,
    file: BinaryIO,
    offset: int,
    total: int | None,
    name: str,
) -> int:
    received = offset
    progress = _watcher.get()
    while True:
        if progress is not None:
            progress(name, received, total)
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
def taking_turns(folder: Path) -> Iterator[None]:
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
