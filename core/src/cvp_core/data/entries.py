"""What list files and tables share: entries of paths and labels, to classes and sets; mistakes are told by place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..catalogue import near_misses
from ..errors import DataError
from .class_folders import listed
from .sources import FileSet, ImageSet

__all__ = [
    "CLASSES", "Entries", "Entry", "classes_of", "indices", "notes_on", "read_lines", "read_names", "read_text",
]  # fmt: skip

CLASSES = "classes.txt"


@dataclass(frozen=True, slots=True)
class Entry:
    """One picture: the line or row that names it, its path relative to the file, its label as it was written."""

    number: int
    path: str
    label: str


@dataclass(frozen=True)
class Entries:
    """The entries of one file. unit: what their numbers count, "line" or "row"."""

    file: Path
    items: Sequence[Entry]
    unit: str = "line"

    def at(self, entry: Entry) -> str:
        return f"{self.file}, {self.unit} {entry.number}"

    def check_inside(self) -> None:
        """Raises DataError for the first path that leads out of the file's folder, and says how to allow that."""
        for entry in self.items:
            # The first look spares a million paths the second.
            if os.path.isabs(entry.path) or (os.pardir in entry.path and os.pardir in Path(entry.path).parts):
                raise DataError(
                    f"{self.at(entry)}: '{_flat(entry.path)}' leads out of the folder of {self.file.name}; "
                    "allowed are paths below it, and any with --follow (in Python follow=True) if you trust the file"
                )

    def labels(self, names: tuple[str, ...] = ()) -> tuple[list[str], tuple[str, ...]]:
        """The name of each entry's class, and the classes where they are known beforehand.

        Numbers are looked up in `names`, else in a `classes.txt` beside the file; without either they are names.
        Raises DataError for a number that these do not reach.
        """
        if not all(_is_number(entry.label) for entry in self.items):
            return [entry.label for entry in self.items], ()
        numbers = [int(entry.label) for entry in self.items]
        beside = self.file.with_name(CLASSES)
        origin = str(self.file) if names else str(beside)
        if not names and not os.path.isfile(beside):
            return [str(number) for number in numbers], ()
        names = names or read_names(beside)
        for entry, number in zip(self.items, numbers, strict=True):
            if number >= len(names):
                raise DataError(
                    f"{self.at(entry)}: label {number}, but {origin} names {len(names)} classes, 0 to {len(names) - 1}"
                )
        return [names[number] for number in numbers], names

    def check_known(self, labels: Sequence[str], classes: Sequence[str], title: str) -> None:
        """Raises DataError for the first label that is no class of `title`, the training pictures."""
        known = set(classes)
        for entry, label in zip(self.items, labels, strict=True):
            if label not in known:
                raise DataError(
                    f"{self.at(entry)}: '{_flat(label)}' is no class of {title}, the training pictures."
                    f"{near_misses(label, classes)} Correct the {self.unit} or add pictures to train."
                )

    def as_set(self, labels: Sequence[str], classes: Sequence[str]) -> FileSet:
        """Raises DataError as `paths` does."""
        return FileSet(self.paths(), indices(labels, classes))

    def paths(self) -> list[str]:
        """Of the pictures. Raises DataError that names the first that are not there."""
        folder = str(self.file.parent)
        paths = [os.path.join(folder, entry.path) for entry in self.items]
        self._check_present(paths)
        return paths

    def _check_present(self, paths: list[str]) -> None:
        """Raises DataError that names the first pictures that are not there.

        Every folder is read once, as for a folder of class folders: that finds all of them, and for a million files
        on a network disk it takes seconds where a million single questions take minutes. What it does not find is
        asked for by name, since a disk may spell or fold names in its own way.
        """
        places = [os.path.split(path) for path in paths]
        holding = {folder: _names_in(folder) for folder in {folder for folder, _ in places}}
        absent = [
            entry
            for entry, path, (folder, name) in zip(self.items, paths, places, strict=True)
            if name not in holding[folder] and not os.path.isfile(path)
        ]
        if absent:
            first = ", ".join(f"'{_flat(entry.path)}' ({self.unit} {entry.number})" for entry in absent[:3])
            more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
            raise DataError(
                f"{self.file} names pictures that are not there: {first}{more}; "
                f"paths are taken from the folder {self.file.parent}"
            )


def indices(labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """int64 (N,): the place of each label in `classes`."""
    index = {name: number for number, name in enumerate(classes)}
    return np.array([index[label] for label in labels], dtype=np.int64)


def classes_of(labels: Iterable[str], named: tuple[str, ...], origin: object) -> tuple[str, ...]:
    """`named`, else the labels: numbers by their value, names by their letters. Raises DataError for fewer than two."""
    found = set(labels)
    classes = named or tuple(sorted(found, key=int) if all(map(_is_number, found)) else sorted(found))
    if len(classes) < 2:
        raise DataError(f"{origin} has one class, '{_flat(classes[0])}'; at least two are needed")
    return classes


def notes_on(origin: object, images: ImageSet, classes: Sequence[str]) -> tuple[str, ...]:
    """Which classes have no training picture or a single one."""
    counts = np.bincount(images.labels, minlength=len(classes))
    return tuple(
        f"{origin} has {what} of {listed([classes[index] for index in np.flatnonzero(counts == count).tolist()])}"
        for count, what in ((0, "no pictures"), (1, "a single picture"))
        if (counts == count).any()
    )


def read_text(file: Path) -> str:
    """UTF-8 text, with or without a byte order mark. Raises DataError that names the line of what is none."""
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{file}, line {line}: not UTF-8 text; save the file as UTF-8") from None


def read_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that says something."""
    for number, raw in enumerate(read_text(file).split("\n"), start=1):
        line = raw.removesuffix("\r").strip(" \t")
        if line and not line.startswith("#"):
            yield number, line


def read_names(file: Path) -> tuple[str, ...]:
    """Names of classes, one a line. Raises DataError for one that comes twice."""
    names = tuple(line for _, line in read_lines(file))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{file} has '{twice}' twice; each class needs a name of its own")
    return names


def _flat(text: str) -> str:
    """In one line: a cell of a table may have several."""
    return " ".join(text.split())


def _is_number(label: str) -> bool:
    return label.isascii() and label.isdigit() and len(label) < 19


def _names_in(folder: str) -> set[str]:
    """Names of what is no folder; none where there is no such folder."""
    try:
        with os.scandir(folder or ".") as found:
            return {entry.name for entry in found if entry.is_file()}
    except OSError:
        return set()
