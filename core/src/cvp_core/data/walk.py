"""What lies in a folder: its visible folders, and its pictures at any depth; linked circles end."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from .image import IMAGE_SUFFIXES

__all__ = ["JUNK", "Listing", "Walk", "folders_in", "read_folder"]

# What archivers, file servers and notebooks leave behind beside hidden files.
JUNK = frozenset(("__MACOSX", "__pycache__", "@eaDir", "$RECYCLE.BIN", "System Volume Information"))

Identity = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a folder shows, sorted: names of its folders, and of `count` pictures, each with a zero byte after it.

    A million names in one piece of bytes take their characters; as text they would take 60 bytes more each.
    is_settled: no link leads nowhere, which may change without the folder.
    """

    folders: tuple[str, ...]
    pictures: bytes | memoryview
    count: int
    is_settled: bool = True


def read_folder(folder: str | Path) -> Listing:
    """Its listing by the disk. No file is opened. Raises DataError if it cannot be read."""
    folders, pictures, is_settled = [], [], True
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                name = entry.name
                if name.startswith(".") or name in JUNK:
                    continue
                is_folder, is_file = _kind(entry)
                if is_folder:
                    folders.append(name)
                elif is_file and name[name.rfind(".") :].lower() in IMAGE_SUFFIXES:
                    pictures.append(name)
                elif not is_file and entry.is_symlink():
                    is_settled = False
    except OSError as error:
        raise DataError(f"folder '{folder}' cannot be read: {error.strerror or error}") from None
    pictures.sort()
    text = os.fsencode("\0".join([*pictures, ""]))
    return Listing(tuple(sorted(folders)), text, len(pictures), is_settled)


class Walk:
    """The folders below `root`, by their paths relative to it; the root's own is "".

    list_folder: what a folder shows, by its path relative to the root and its status; the disk says it by default.
    """

    def __init__(self, root: Path, list_folder: Callable[[str, os.stat_result], Listing] | None = None) -> None:
        self._root = os.fspath(root)
        self._prefix = "" if self._root == os.curdir else os.path.join(self._root, "")
        self._list_folder = list_folder or (lambda folder, status: read_folder(self.path(folder)))
        self._held: dict[str, Listing] = {}  # those that are asked for more than once
        self._aboves: dict[str, frozenset[Identity]] = {}

    def path(self, folder: str) -> str:
        """What `root / folder` is as text, in a tenth of its time."""
        return self._prefix + folder if folder else self._root

    def folders(self, folder: str) -> list[str]:
        """Its visible folders by name, less links that lead back above. Raises DataError if it cannot be read."""
        children = [os.path.join(folder, name) for name in self._shown(folder).folders]
        above = self._above(folder)
        return [child for child in children if _is_below(self._status(child), above)]

    def count_flat(self, folder: str) -> int:
        """How many pictures lie in the folder itself."""
        return self._shown(folder).count

    def pictures(self, folder: str) -> Iterator[tuple[str, Listing]]:
        """The folders with pictures at any depth, sorted, each entered once, one that holds the root never."""
        seen = set(self._above(os.path.dirname(folder)) | self._above(""))
        waiting = [folder]
        while waiting:
            current = waiting.pop()
            status = self._status(current)
            if status is None or not _is_below(status, seen):
                continue
            seen.add(_identity(status))
            listing = self._list_folder(current, status)
            if listing.count:
                yield current, listing
            waiting.extend(os.path.join(current, name) for name in reversed(listing.folders))

    def _shown(self, folder: str) -> Listing:
        if folder not in self._held:
            status = self._status(folder)
            if status is None:
                raise DataError(f"folder '{self.path(folder)}' cannot be read: it has gone")
            self._held[folder] = self._list_folder(folder, status)
        return self._held[folder]

    def _status(self, folder: str) -> os.stat_result | None:
        """None where there is no folder, or no longer. Raises DataError where that cannot be told."""
        try:
            status = os.stat(self.path(folder))
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                return None
            raise DataError(f"'{self.path(folder)}' cannot be read: {error.strerror or error}") from None
        return status if stat.S_ISDIR(status.st_mode) else None

    def _above(self, folder: str) -> frozenset[Identity]:
        if folder not in self._aboves:
            self._aboves[folder] = _above(Path(self.path(folder)))
        return self._aboves[folder]


def folders_in(folder: Path) -> list[Path]:
    """As `Walk.folders`, of one folder."""
    walk = Walk(folder)
    return [Path(walk.path(child)) for child in walk.folders("")]


def _kind(entry: os.DirEntry[str]) -> tuple[bool, bool]:
    """Whether it is a folder, and whether it is a file, links followed; the disk is asked about links alone."""
    try:
        return entry.is_dir(), entry.is_file()
    except OSError:  # a link that leads to itself
        return False, False


def _is_below(status: os.stat_result | None, above: frozenset[Identity] | set[Identity]) -> bool:
    return status is not None and _identity(status) not in above


def _above(folder: Path) -> frozenset[Identity]:
    """The folder and all that hold it."""
    place = folder.resolve()
    try:
        return frozenset(_identity(os.stat(parent)) for parent in (place, *place.parents))
    except OSError as error:
        raise DataError(f"'{place}' cannot be read: {error.strerror or error}") from None


def _identity(status: os.stat_result) -> Identity:
    return status.st_dev, status.st_ino
