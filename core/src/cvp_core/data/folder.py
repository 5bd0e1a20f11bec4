"""A folder of class folders, with or without train/val/test, as a data set."""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import DataError
from .address import Address
from .class_folders import read_class_folders, split_called
from .index import FolderIndex
from .sources import DataSplits, FileSet
from .walk import Listing, Walk

__all__ = ["near_folders", "open_folder"]

_NO_LABELS = ("classes", "readme", "licence", "license", "requirements")


def open_folder(path: str | os.PathLike[str]) -> DataSplits:
    """The pictures below `path`/CLASS/, or `path`/train/CLASS/ with val and test beside train.

    Aliases of the split folders: training; valid, validation; testing, in any case. Files count at any depth
    below a class folder, by their suffix; hidden ones do not. Classes are sorted by name. No file is opened.
    What many pictures are called is kept in the user's cache, for the next time (see index.py).
    Raises DataError, in one line, for a folder that cannot be trained on.
    """
    root = Path(os.path.expanduser(path))
    _check_folder(root)
    index = FolderIndex(root)
    walk = Walk(root, index.listing)

    def as_set(parts: list[_Part], labels: np.ndarray) -> FileSet:
        folders = [walk.path(folder) for folder, _ in parts]
        return FileSet.in_folders(folders, [shown.pictures for _, shown in parts], labels)

    try:
        splits = read_class_folders(
            _DiskFolder(walk, ""), as_set, name=root.resolve().name, size=lambda part: part[1].count
        )
    except DataError as error:
        raise DataError(f"{error}{_files_of_labels(root)}") from None
    index.keep()
    return splits


def _files_of_labels(root: Path) -> str:
    """Names a table or a list that lies where class folders were looked for: it may say what the pictures show."""
    try:
        folders = [root, *(child for child in root.iterdir() if split_called(child.name) == "train" and child.is_dir())]
        files = [file for folder in folders for file in folder.iterdir()]
    except OSError:  # what could not be read is told already
        return ""
    found = [file for file in files if Address(file.name).names_pictures and file.stem.lower() not in _NO_LABELS]
    return f". Or give the file that names their classes, such as {min(found)}" if found else ""


# A folder's path relative to the root, and what it shows.
_Part = tuple[str, Listing]


class _DiskFolder:
    """A folder on disk, by its path relative to the root; its pictures come folder by folder."""

    def __init__(self, walk: Walk, path: str) -> None:
        self._walk, self._path = walk, path
        # Fit to print and to store; macOS spells 'é' in its own way, NFC makes it one.
        self.name = unicodedata.normalize(
            "NFC", os.fsencode(os.path.basename(walk.path(path))).decode("utf-8", "replace")
        )

    def __str__(self) -> str:
        return self._walk.path(self._path)

    def folders(self) -> list[_DiskFolder]:
        return [_DiskFolder(self._walk, child) for child in self._walk.folders(self._path)]

    def pictures(self) -> Iterator[_Part]:
        return self._walk.pictures(self._path)

    def count_flat(self) -> int:
        return self._walk.count_flat(self._path)


def near_folders(root: Path) -> list[str]:
    """Folders beside a missing one whose names are similar, as they would be typed."""
    try:
        names = {child.name.casefold(): child for child in root.parent.iterdir() if child.is_dir()}
    except OSError:
        return []
    return [str(names[near]) for near in difflib.get_close_matches(root.name.casefold(), names, n=3)]


def _check_folder(root: Path) -> None:
    if os.path.isdir(root):  # unlike Path.is_dir, this never raises
        return
    if os.path.exists(root):
        raise DataError(f"'{root}' is a file; a folder of class folders is needed: FOLDER/CLASS/picture.jpg")
    from ..registry import datasets

    near = near_folders(root) + difflib.get_close_matches(root.name.lower(), list(datasets().claims), n=2)
    hint = f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
    raise DataError(f"no folder '{root}'.{hint} Give a folder of class folders or a name from `cvp data list`.")
