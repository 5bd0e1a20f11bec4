"""What addresses name, fetched once into the user's cache: training draws pictures at random and many times."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

from ..download import OFFLINE, fetch
from ..errors import CvpError, MachineError, NotInstalledError, OutputError
from ..places import user_cache
from .entries import CLASSES
from .shard_info import INFO

__all__ = ["fetched", "fetched_file", "file_name"]

_OURS = ("http", "https", "file")
_CHUNK = 1 << 20


def fetched(urls: Sequence[str]) -> tuple[list[Path], tuple[str, ...]]:
    """The shards here, in a folder with what names their classes, and what to tell.

    https, http and file are read by `fetch`, others, such as s3 and gs, by fsspec where that is installed. A shard
    that is here is not asked for again. Raises MachineError for one that cannot be had, NotInstalledError for an
    address that needs another package, and OutputError where the cache cannot be written.
    """
    base = urls[0].rpartition("/")[0]
    folder = _folder("shards", base)
    for name in (INFO, CLASSES):
        # Most have none; a server that is not there is told by the first shard.
        with contextlib.suppress(CvpError):
            _fetch(f"{base}/{name}", folder / name)
            break
    files = [_fetch(url, folder / file_name(url)) for url in urls]
    return files, (f"shards are fetched once and kept in {folder}",)


def fetched_file(url: str) -> Path:
    """A single file, an archive say, here under its own name. Raises as `fetched` does."""
    return _fetch(url, _folder("downloads", url) / file_name(url))


def file_name(url: str) -> str:
    """What the file at an address is called, without the query behind it."""
    name = re.split("[?#]", url, maxsplit=1)[0].rpartition("/")[2]
    return unquote(name).replace("/", "_").replace("\0", "_")


def _folder(kind: str, address: str) -> Path:
    return user_cache(kind) / hashlib.blake2b(address.encode(), digest_size=10).hexdigest()


def _fetch(url: str, target: Path) -> Path:
    if url.partition("://")[0].lower() in _OURS:
        return fetch([url], None, target)
    if not target.exists():
        _copy(url, target)
    return target


def _copy(url: str, target: Path) -> None:
    if os.environ.get(OFFLINE):
        raise MachineError(f"{target.name} is not here, and ${OFFLINE} forbids to download it; put it there: {target}")
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        with import_module("fsspec").open(url, "rb") as source:
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                with open(part, "xb") as file:
                    shutil.copyfileobj(source, file, _CHUNK)
                os.replace(part, target)
            finally:
                part.unlink(missing_ok=True)
    except ImportError as error:
        raise NotInstalledError(f"{url} is read by another package: {error}") from None
    except OSError as error:
        if error.filename in (str(part), str(target.parent)):
            reason = error.strerror or error
            raise OutputError(f"cannot write {target}: {reason}; $CVP_CACHE names another cache folder") from error
        raise MachineError(f"cannot fetch {url}: {' '.join(str(error).split()) or type(error).__name__}") from error
    except Exception as error:  # what stores and their packages raise has no common kind
        raise MachineError(
            f"cannot fetch {url}: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        ) from error
