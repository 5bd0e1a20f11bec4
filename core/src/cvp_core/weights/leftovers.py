"""What can go from the disk without loss: partial downloads, writes that were cut off, and what can be pulled again."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..locks import locked
from .pretrained import INCOMING, pulled_folders
from .store import SUFFIX, weights_dir

__all__ = ["Leftover", "leftovers"]

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp")  # as `atomic` names them
_SECONDS_TO_WRITE = 600  # a younger one may be somebody's who is at it


@dataclass(frozen=True, slots=True)
class Leftover:
    """A file that nobody will miss, and what it is."""

    path: Path
    what: str
    size_bytes: int


def leftovers(folder: str | Path | None = None, keeps_pulled: bool = False) -> list[Leftover]:
    """All of them in the store `folder` and in the cache.

    Where a download is under way nothing is found, and never what was trained, imported or compiled.
    """
    found = [(path, "unfinished write") for path in weights_dir(folder).glob(".*.tmp") if _is_temporary(path)]
    for root in pulled_folders():
        for own in sorted(path for path in root.glob("*") if path.is_dir()):
            below = sorted(own.rglob("*"))
            if not any(_is_busy(path) for path in (own, *below) if path.is_dir()):
                found += _in_cache([path for path in below if path.is_file()], keeps_pulled)
    return [Leftover(path, what, path.stat().st_size) for path, what in found]


def _in_cache(files: list[Path], keeps_pulled: bool) -> Iterator[tuple[Path, str]]:
    for path in files:
        if path.suffix == ".part":
            yield path, "partial download"
        elif path.parent.name == INCOMING:
            yield path, "not yet converted"
        elif _is_temporary(path):
            yield path, "unfinished write"
        elif path.suffix == SUFFIX and not keeps_pulled:
            yield path, "pulled"


def _is_temporary(path: Path) -> bool:
    if not _TEMPORARY.fullmatch(path.name) or not path.is_file():
        return False
    return time.time() - path.stat().st_mtime > _SECONDS_TO_WRITE


def _is_busy(folder: Path) -> bool:
    """Whether another process downloads into `folder`: `fetch` locks it as long."""
    with locked(folder) as is_ours:
        return is_ours is False
