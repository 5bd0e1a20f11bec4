"""Files in a data set's folder that are not read."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..image import IMAGE_SUFFIXES
from ..sources import DataSplits, FileSet

__all__ = ["plain_folder", "stray_files"]

_AT_HOME = frozenset((".txt", ".lst", ".list", ".csv", ".tsv", ".json", ".toml", ".yaml", ".md", ".rst", ".pdf", ""))


def plain_folder(splits: DataSplits) -> Path | None:
    """The folder that holds the pictures as files of their own; None for lists, archives, shards and named sets."""
    sets = [images for images in (splits.train, splits.val, splits.test) if images is not None]
    is_plain = all(type(images) is FileSet for images in sets) and os.path.isdir(splits.location)
    return Path(splits.location) if is_plain else None


def stray_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Path and reason of each file that is hidden or no picture by its suffix.

    Texts and tables in the folder itself, a README or a list, belong there and are left out.
    """
    for current, folders, names in os.walk(folder):
        is_hidden_folder = any(part.startswith(".") for part in Path(os.path.relpath(current, folder)).parts)
        folders.sort()
        for name in sorted(names):
            suffix = os.path.splitext(name)[1].lower()
            if is_hidden_folder or name.startswith("."):
                yield os.path.join(current, name), "hidden"
            elif suffix not in IMAGE_SUFFIXES and not (suffix in _AT_HOME and Path(current) == folder):
                yield os.path.join(current, name), f"no picture by its suffix {suffix}".rstrip()
