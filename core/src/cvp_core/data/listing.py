"""A list file as a data set: `path label` a line, paths relative to the file.

The label is what follows a line's last tab, else its last space, so that paths may hold spaces, and after a tab the
label too. Blank lines and those that begin with # are skipped.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..catalogue import near_files, near_misses
from ..errors import DataError
from .sources import DataSplits, FileSet

__all__ = ["LIST_SUFFIXES", "open_list", "with_val_list"]

LIST_SUFFIXES = (".txt", ".lst", ".list")
_CLASSES = "classes.txt"
_TRAIN = ("train", "training")  # a file so called is named after its folder


@dataclass(frozen=True, slots=True)
class _Entry:
    line: int
    path: str
    label: str


def open_list(path: str | os.PathLike[str], *, follow: bool = False) -> DataSplits:
    """The pictures that a list file names; all are training pictures.

    Labels are names, sorted; if all are numbers, they sort as such, and a `classes.txt` beside the file, a name a
    line, names the classes 0, 1, ... follow: paths may lead out of the file's folder.
    Raises DataError that names file and line: undecodable text (UTF-8, with or without a byte order mark), no label,
    a path outside, a number that `classes.txt` does not reach; and for pictures that are not there or a single class.
    """
    file = _existing(path)
    entries = _read(file, follow)
    labels, named = _labels(file, entries)
    classes = named or _sorted(labels)
    if len(classes) < 2:
        raise DataError(f"{file} has one class, '{classes[0]}'; at least two are needed")
    images = _as_set(file, entries, labels, classes)
    name = file.resolve().parent.name if file.stem.casefold() in _TRAIN else file.stem
    return DataSplits(name, classes, images, None, None, str(file), notes=_notes(file, images, classes))


def with_val_list(splits: DataSplits, path: str | os.PathLike[str], *, follow: bool = False) -> DataSplits:
    """The same splits with the pictures of another list file for validation.

    Raises DataError as `open_list` does, and for a label that is no class of `splits`.
    """
    file = _existing(path)
    entries = _read(file, follow)
    labels, _ = _labels(file, entries)
    known = set(splits.classes)
    for entry, label in zip(entries, labels, strict=True):
        if label not in known:
            raise DataError(
                f"{file}, line {entry.line}: '{label}' is no class of {splits.name}, the training pictures."
                f"{near_misses(label, splits.classes)} Correct the line or add pictures to train."
            )
    return replace(splits, val=_as_set(file, entries, labels, splits.classes))


def _existing(path: str | os.PathLike[str]) -> Path:
    file = Path(os.path.expanduser(path))
    if os.path.isfile(file):
        return file
    raise DataError(f"no list file '{file}'.{near_files(file, LIST_SUFFIXES)} Give a text file of `path label` a line.")


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(f"{file}, line {line}: not UTF-8 text; save the file as UTF-8") from None


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each line that says something."""
    for number, raw in enumerate(_text(file).split("\n"), start=1):
        line = raw.removesuffix("\r").strip(" \t")
        if line and not line.startswith("#"):
            yield number, line


def _read(file: Path, follow: bool) -> list[_Entry]:
    entries = [_entry(file, number, line, follow) for number, line in _lines(file)]
    if not entries:
        raise DataError(f"{file} names no pictures; expected `path label` a line, such as: cat/1.jpg cat")
    return entries


def _entry(file: Path, number: int, line: str, follow: bool) -> _Entry:
    path, _, label = line.rpartition("\t" if "\t" in line else " ")
    path, label = path.rstrip(" \t"), label.strip(" ")
    if not path:
        raise DataError(f"{file}, line {number}: '{line}' has no label; expected `path label`, such as: cat/1.jpg cat")
    if "\0" in line:
        raise DataError(f"{file}, line {number}: a zero byte; this is no text file")
    if not follow and _leads_out(path):
        raise DataError(
            f"{file}, line {number}: '{path}' leads out of the folder of the list; "
            "allowed are paths below it, or open_list(..., follow=True) for a list that you trust"
        )
    return _Entry(number, path, label)


def _leads_out(path: str) -> bool:
    # The first look spares a million paths the second.
    return os.path.isabs(path) or (os.pardir in path and os.pardir in Path(path).parts)


def _labels(file: Path, entries: list[_Entry]) -> tuple[list[str], tuple[str, ...]]:
    """The name of each entry's class, and the classes where a file beside the list names them."""
    if not all(_is_number(entry.label) for entry in entries):
        return [entry.label for entry in entries], ()
    numbers = [int(entry.label) for entry in entries]
    beside = file.with_name(_CLASSES)
    if not os.path.isfile(beside):
        return [str(number) for number in numbers], ()
    names = tuple(line for _, line in _lines(beside))
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{beside} has '{twice}' twice; each class needs a name of its own")
    for entry, number in zip(entries, numbers, strict=True):
        if number >= len(names):
            raise DataError(
                f"{file}, line {entry.line}: label {number}, but {beside} names {len(names)} classes, "
                f"0 to {len(names) - 1}"
            )
    return [names[number] for number in numbers], names


def _sorted(labels: Iterable[str]) -> tuple[str, ...]:
    """Numbers by their value, names by their letters."""
    found = set(labels)
    return tuple(sorted(found, key=int) if all(map(_is_number, found)) else sorted(found))


def _is_number(label: str) -> bool:
    return label.isascii() and label.isdigit() and len(label) < 19


def _as_set(file: Path, entries: list[_Entry], labels: list[str], classes: tuple[str, ...]) -> FileSet:
    folder = str(file.parent)
    paths = [os.path.join(folder, entry.path) for entry in entries]
    _check_present(file, entries, paths)
    index = {name: number for number, name in enumerate(classes)}
    return FileSet(paths, np.array([index[label] for label in labels], dtype=np.int64))


def _check_present(file: Path, entries: list[_Entry], paths: list[str]) -> None:
    """Raise DataError that names the first pictures that are not there.

    Every folder is read once, as for a folder of class folders: that finds all of them, and for a million files on a
    network disk it takes seconds where a million single questions take minutes. What it does not find is asked for
    by name, since a disk may spell or fold names in its own way.
    """
    places = [os.path.split(path) for path in paths]
    holding = {folder: _names_in(folder) for folder in {folder for folder, _ in places}}
    absent = [
        entry
        for entry, path, (folder, name) in zip(entries, paths, places, strict=True)
        if name not in holding[folder] and not os.path.isfile(path)
    ]
    if absent:
        first = ", ".join(f"'{entry.path}' (line {entry.line})" for entry in absent[:3])
        more = f" and {len(absent) - 3} more" if len(absent) > 3 else ""
        raise DataError(
            f"{file} names pictures that are not there: {first}{more}; paths are taken from the folder {file.parent}"
        )


def _names_in(folder: str) -> set[str]:
    """Names of what is no folder; none where there is no such folder."""
    try:
        with os.scandir(folder or ".") as entries:
            return {entry.name for entry in entries if entry.is_file()}
    except OSError:
        return set()


def _notes(file: Path, images: FileSet, classes: tuple[str, ...]) -> tuple[str, ...]:
    counts = np.bincount(images.labels, minlength=len(classes))
    return tuple(
        f"{file} has {what} of {_listed([classes[index] for index in np.flatnonzero(counts == count)])}"
        for count, what in ((0, "no pictures"), (1, "a single picture"))
        if (counts == count).any()
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
