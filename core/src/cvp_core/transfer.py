"""One file from one address: resumed where the server can, and verified when it is whole."""

from __future__ import annotations

import http.client
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO

from .digest import other_digest
from .download import Progress

__all__ = ["MirrorError", "forget", "receive_verified"]

_CHUNK = 1 << 18
_TIMEOUT_S = 30.0


class MirrorError(Exception):
    """One mirror did not deliver; the message is the reason."""


def receive_verified(url: str, part: Path, digest: str | None, progress: Progress | None = None) -> None:
    """`part`, complete and right. A continued file that turns out wrong is fetched anew, once.

    digest: as `fetch` takes it. Raises MirrorError, keeping what has arrived, and OSError where it cannot be written.
    """
    tag = _tag_of(part)
    if digest is None and _tagged(tag, url) is None:  # nothing would notice that the beginning is another file's
        part.unlink(missing_ok=True)
    continued = part.exists() and part.stat().st_size > 0
    for attempt in range(2):
        _receive(url, part, tag if digest is None else None, progress)
        actual = other_digest(part, digest)
        if not actual:
            return
        part.unlink()
        if attempt == 1 or not continued:
            raise MirrorError(f"the file is not the published one (hash {actual}, expected {digest})")


def forget(part: Path) -> None:
    """Removes what was noted beside `part`, which is in its place now."""
    _tag_of(part).unlink(missing_ok=True)


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


def _receive(url: str, part: Path, tag: Path | None, progress: Progress | None) -> None:
    """Append to `part` until the server says it is whole. Raises MirrorError, keeping what has arrived.

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
        raise MirrorError(f"the server answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise MirrorError(_network_reason(error)) from None
    with response:
        if response.status != 206 or not (response.headers.get("Content-Range") or "").startswith(f"bytes {offset}-"):
            offset = 0  # the server sends the whole file
        if tag is not None and not offset:
            etag = response.headers.get("ETag") or ""
            state = etag if etag.startswith('"') else response.headers.get("Last-Modified") or ""  # no weak ones
            tag.write_text(f"{url}\n{state}", "utf-8")
        total = _total(response, offset)
        with part.open("ab" if offset else "wb") as file:
            received = _copy(
                response, file, offset, total, progress and partial(progress, part.name.removesuffix(".part"))
            )
            file.flush()
            os.fsync(file.fileno())
    if total is not None and received < total:
        raise MirrorError(f"the connection ended after {received} of {total} bytes; run it again to continue")


def _copy(
    response: http.client.HTTPResponse,
    file: BinaryIO,
    offset: int,
    total: int | None,
    progress: Callable[[int, int | None], None] | None,
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
            raise MirrorError(f"{_network_reason(error)} after {received} bytes; run it again to continue") from None
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
