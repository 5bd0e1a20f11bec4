"""A .zip or .tar of class folders as a data set: opened by its table of contents, read in place."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..catalogue import near_files
from ..errors import DataError
from .class_folders import listed, read_class_folders, split_called
from .members import Members, is_picture, safe_parts
from .packed import PackedSet
from .sources import DataSplits
from .tars import index_tar, plain_tar
from .zips import index_zip

__all__ = ["ARCHIVE_SUFFIXES", "TAR_SUFFIXES", "existing", "folders_of", "open_archive", "tar_members"]

_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")
TAR_SUFFIXES = (".tar", *_COMPRESSED)
ARCHIVE_SUFFIXES = (".zip", *TAR_SUFFIXES)


def open_archive(path: str | os.PathLike[str]) -> DataSplits:
    """The pictures of an archive of class folders, as `open_folder` finds them in a folder.

    A single folder at the top is looked through. Nothing is unpacked to disk, save a compressed tar (see tars.py).
    Names that are absolute or lead out, links and devices are left out and told. Raises DataError for an archive that
    cannot be read or trained on, and for a picture that is encrypted or larger than MAX_BYTES.
    """
    file = existing(path)
    members = index_zip(file) if file.name.lower().endswith(".zip") else tar_members(file)
    return folders_of(members, str(file))


def existing(path: str | os.PathLike[str]) -> Path:
    """The file. Raises DataError with its neighbours if there is none."""
    file = Path(os.path.expanduser(path))
    if os.path.isfile(file):
        return file
    raise DataError(f"no archive '{file}'.{near_files(file, ('.zip', '.tar', '.gz', '.tgz', '.xz', '.bz2'))}")


def tar_members(file: Path) -> Members:
    """The members of a .tar, compressed or not, under its own name."""
    plain, notes = plain_tar(file)
    return index_tar(plain, str(file)).with_notes(notes)


def folders_of(members: Members, title: str) -> DataSplits:
    """The class folders of an archive."""
    root = _Folder("", title)
    unsafe = list(members.ignored)
    for number, name in enumerate(members.names):
        parts = safe_parts(name)
        if parts is None:
            unsafe.append(name)
        elif parts:
            folder = root.below(parts[:-1])
            if is_picture(name):
                folder.own.append((parts[-1], number))
    for name in members.folders:
        if parts := safe_parts(name):
            root.below(parts)
    notes = list(members.notes)
    if unsafe:
        notes.append(f"{title}: links, devices and names that lead out of the archive are ignored: {listed(unsafe)}")

    def as_set(numbers: list[int], labels: np.ndarray) -> PackedSet:
        names = ["/".join(safe_parts(members.names[number]) or ()) for number in numbers]
        return PackedSet((members.container,), names, members.parts[numbers], labels)

    splits = read_class_folders(_inside(root), as_set, name=_stem(title), notes=notes)
    return replace(splits, location=title)


def _inside(root: _Folder) -> _Folder:
    """The root, or the folder that alone is in it and holds the class folders: dataset-1.0/CLASS/..."""
    top = root.folders()
    if len(top) == 1 and not root.own and split_called(top[0].name) is None and top[0].folders():
        return top[0]
    return root


def _stem(title: str) -> str:
    name = os.path.basename(title)
    return next((name[: -len(suffix)] for suffix in ARCHIVE_SUFFIXES if name.lower().endswith(suffix)), name)


class _Folder:
    """A folder in an archive; its pictures are numbers of members."""

    def __init__(self, name: str, title: str) -> None:
        self.name = name
        self.title = title
        self.own: list[tuple[str, int]] = []  # names and numbers of the pictures in the folder itself
        self._children: dict[str, _Folder] = {}

    def __str__(self) -> str:
        return self.title

    def below(self, parts: tuple[str, ...]) -> _Folder:
        """The folder that `parts` lead to from here, made if need be."""
        folder = self
        for part in parts:
            child = folder._children.get(part)
            if child is None:
                child = folder._children[part] = _Folder(_printable(part), f"{folder.title}/{_printable(part)}")
            folder = child
        return folder

    def folders(self) -> list[_Folder]:
        return [self._children[name] for name in sorted(self._children)]

    def pictures(self) -> Iterator[int]:
        waiting = [self]
        while waiting:
            folder = waiting.pop()
            yield from (number for _, number in sorted(folder.own))
            waiting.extend(reversed(folder.folders()))

    def count_flat(self) -> int:
        return len(self.own)


def _printable(name: str) -> str:
    """As a folder's name on a disk is read."""
    return unicodedata.normalize("NFC", name.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
