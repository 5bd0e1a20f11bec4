"""Files from the network: mirrors in order, resumed, verified by hash before use, put in place atomically."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path

from .digest import other_digest
from .errors import DataError, MachineError, OutputError
from .locks import taking_turns
from .places import user_cache

__all__ = ["OFFLINE", "Progress", "cache_folder", "fetch", "watched"]

# Called with the file's name, the bytes so far and the total, None where the server does not say.
Progress = Callable[[str, int, int | None], None]

OFFLINE = "CVP_OFFLINE"  # set to anything, nothing is downloaded

_watcher: ContextVar[Progress | None] = ContextVar("watcher", default=None)


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
    from .transfer import MirrorError, forget, receive_verified  # whoever downloads nothing needs no HTTP

    part = target.with_name(target.name + ".part")
    reasons = []
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with taking_turns(target.parent):
            if target.exists():
                return _checked(target, digest)
            for url in local if os.environ.get(OFFLINE) else urls:
                try:
                    receive_verified(url, part, digest, _watcher.get())
                except MirrorError as failure:
                    reasons.append(f"{url}: {failure}")
                    continue
                os.replace(part, target)
                forget(part)
                return target
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write {target}: {reason}; $CVP_CACHE names another cache folder") from error
    raise MachineError(
        f"cannot download {target.name}: {'; '.join(reasons)}. Without a network, put the file there by hand: {target}"
    )


def _checked(target: Path, digest: str | None) -> Path:
    if actual := other_digest(target, digest):
        raise DataError(
            f"'{target}' is not the published file (hash {actual}, expected {digest}); delete it to download it again"
        )
    return target
