"""A list file as a data set: `path label` a line, paths relative to the file.

The label is what follows a line's last tab, else its last space, so that paths may hold spaces, and after a tab the
label too. Blank lines and those that begin with # are skipped.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from ..catalogue import near_files
from ..errors import DataError
from .address import LIST_SUFFIXES, Address
from .class_folders import split_called
from .entries import Entries, Entry, classes_of, notes_on, read_lines
from .sources import DataSplits

__all__ = ["open_list", "with_val_list"]


def open_list(path: str | os.PathLike[str], *, follow: bool = False) -> DataSplits:
    """The pictures that a list file names; all are training pictures.

    path: of one, or an `Address`; follow, or `follow=yes` there: paths may lead out of the file's folder.

    Labels are names, sorted; if all are numbers, they sort as such, and a `classes.txt` beside the file, a name a
    line, names the classes 0, 1, ...
    Raises DataError that names file and line: undecodable text (UTF-8, with or without a byte order mark), no label,
    a path outside, a number that `classes.txt` does not reach; and for pictures that are not there or a single class.
    """
    entries = _read(path, follow)
    file = entries.file
    labels, named = entries.labels()
    classes = classes_of(labels, named, file)
    images = entries.as_set(labels, classes)
    # A file called train.txt is named after its folder.
    name = file.resolve().parent.name if split_called(file.stem) == "train" else file.stem
    return DataSplits(name, classes, images, None, None, str(file), notes=notes_on(file, images, classes))


def with_val_list(splits: DataSplits, path: str | os.PathLike[str], *, follow: bool = False) -> DataSplits:
    """The same splits with the pictures of another list file for validation.

    Raises DataError as `open_list` does, and for a label that is no class of `splits`.
    """
    entries = _read(path, follow)
    labels, _ = entries.labels()
    entries.check_known(labels, splits.classes, splits.name)
    return replace(splits, val=entries.as_set(labels, splits.classes))


def _read(path: str | os.PathLike[str], follow: bool) -> Entries:
    address = Address.parse(path)
    address.check_without_columns()
    file = Path(os.path.expanduser(address.place))
    if not os.path.isfile(file):
        near = near_files(file, LIST_SUFFIXES)
        raise DataError(f"no list file '{file}'.{near} Give a text file of `path label` a line.")
    entries = Entries(file, [_entry(file, number, line) for number, line in read_lines(file)])
    if not entries.items:
        raise DataError(f"{file} names no pictures; expected `path label` a line, such as: cat/1.jpg cat")
    if not (follow or address.follow):
        entries.check_inside()
    return entries


def _entry(file: Path, number: int, line: str) -> Entry:
    path, _, label = line.rpartition("\t" if "\t" in line else " ")
    path, label = path.rstrip(" \t"), label.strip(" ")
    if not path:
        raise DataError(f"{file}, line {number}: '{line}' has no label; expected `path label`, such as: cat/1.jpg cat")
    if "\0" in line:
        raise DataError(f"{file}, line {number}: a zero byte; this is no text file")
    return Entry(number, path, label)
