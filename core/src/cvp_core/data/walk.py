"""What lies in a folder: its visible folders, and its pictures at any depth; linked circles end."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import DataError
from .image import IMAGE_SUFFIXES

__all__ = ["JUNK", "count_flat", "folders_in", "pictures_below"]

# What archivers, file servers and notebooks leave behind beside hidden files.
JUNK = frozenset(("__MACOSX", "__pycache__", "@eaDir", "$RECYCLE.BIN", "System Volume Information"))

Identity = tuple[int, int]


def folders_in(folder: Path) -> list[Path]:
    """Its visible folders by name, less links that lead back above. Raises DataError if it cannot be read."""
    above = _above(folder)
    children = [Path(entry.path) for entry in _entries(folder) if _is_kind(entry, folder=True)]
    return [child for child in children if _identity(child) not in above]


def count_flat(folder: Path) -> int:
    """How many pictures lie in the folder itself."""
    return sum(_is_picture(entry) for entry in _entries(folder))


def pictures_below(folder: Path, root: Path) -> Iterator[str]:
    """Paths of the pictures at any depth, sorted; a folder is entered once, one that holds `root` never."""
    seen = _above(folder.parent) | _above(root)
    waiting = [str(folder)]
    while waiting:
        current = waiting.pop()
        if (identity := _identity(current)) in seen:
            continue
        seen.add(identity)
        entries = _entries(current)
        yield from (entry.path for entry in entries if _is_picture(entry))
        waiting.extend(entry.path for entry in reversed(entries) if _is_kind(entry, folder=True))


def _entries(folder: str | Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            shown = [e for e in entries if not e.name.startswith(".") and e.name not in JUNK]
    except OSError as error:
        raise DataError(f"folder '{folder}' cannot be read: {error.strerror or error}") from None
    return sorted(shown, key=lambda entry: entry.name)


def _is_picture(entry: os.DirEntry[str]) -> bool:
    return os.path.splitext(entry.name)[1].lower() in IMAGE_SUFFIXES and _is_kind(entry, folder=False)


def _is_kind(entry: os.DirEntry[str], *, folder: bool) -> bool:
    try:
        return entry.is_dir() if folder else entry.is_file()
    except OSError:  # a link that leads to itself
        return False


def _above(folder: Path) -> set[Identity]:
    """The folder and all that hold it."""
    place = folder.resolve()
    return {_identity(parent) for parent in (place, *place.parents)}


def _identity(place: str | Path) -> Identity:
    try:
        status = os.stat(place)
    except OSError as error:
        raise DataError(f"'{place}' cannot be read: {error.strerror or error}") from None
    return status.st_dev, status.st_ino
