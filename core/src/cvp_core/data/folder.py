"""A folder of class folders, with or without train/val/test, as a data set."""

from __future__ import annotations

import difflib
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from ..errors import DataError
from .class_folders import read_class_folders
from .sources import DataSplits, FileSet
from .walk import count_flat, folders_in, pictures_below

__all__ = ["near_folders", "open_folder"]


def open_folder(path: str | os.PathLike[str]) -> DataSplits:
    """The pictures below `path`/CLASS/, or `path`/train/CLASS/ with val and test beside train.

    Aliases of the split folders: training; valid, validation; testing, in any case. Files count at any depth
    below a class folder, by their suffix; hidden ones do not. Classes are sorted by name. No file is opened.
    Raises DataError, in one line, for a folder that cannot be trained on.
    """
    root = Path(os.path.expanduser(path))
    _check_folder(root)
    return read_class_folders(_DiskFolder(root, root), FileSet, name=root.resolve().name)


class _DiskFolder:
    """A folder below `root`; its pictures are paths."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path, self.root = path, root
        # Fit to print and to store; macOS spells 'é' in its own way, NFC makes it one.
        self.name = unicodedata.normalize("NFC", os.fsencode(path.name).decode("utf-8", "replace"))

    def __str__(self) -> str:
        return str(self.path)

    def folders(self) -> list[_DiskFolder]:
        return [_DiskFolder(child, self.root) for child in folders_in(self.path)]

    def pictures(self) -> Iterator[str]:
        return pictures_below(self.path, self.root)

    def count_flat(self) -> int:
        return count_flat(self.path)


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
