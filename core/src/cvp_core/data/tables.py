"""Tables as a data set, .csv, .tsv or .parquet: a column of pictures, one of labels and perhaps one of splits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ..errors import DataError
from .address import Address
from .class_folders import split_called
from .entries import classes_of, indices, notes_on
from .packed import PackedSet
from .sources import DataSplits, FileSet
from .table_files import roles_of, table_files
from .table_rows import TableRows

__all__ = ["open_table", "open_tables", "with_val_table"]

_SPLITS = ("train", "val", "test")


def open_table(
    path: str | os.PathLike[str],
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    follow: bool = False,
) -> DataSplits:
    """The pictures that a table names, or in a .parquet file holds, under the labels that it gives them.

    path: of one, a pattern of several such as train-*.parquet, or a folder of .parquet files; may be an `Address`.
    image_column, label_column: otherwise guessed by their names, which is a note. follow: paths may lead out of the
    folder of the table.
    Of several files each is of the split that its name or folder says. A column called split, subset, partition or set
    divides the pictures if it says train, val or test, or an alias, throughout. Labels and paths are those of a list
    file (see `open_list`); a .parquet of Hugging Face names its numbers itself.
    Raises DataError that names file, line or row, and column; NotInstalledError for a .parquet without pyarrow.
    """
    address = Address.parse(path)
    place = address.place
    files = table_files(place)
    roles, notes = roles_of(files)
    splits = open_tables(
        {file: role for file, role in zip(files, roles, strict=True) if role},
        image_column or address.image,
        label_column or address.label,
        follow=follow or address.follow,
    )
    # A file called train.csv is named after its folder, and so are several files.
    file = files[0]
    is_one = len(files) == 1 and split_called(file.stem) != "train"
    base = Path(os.path.expanduser(place)) if os.path.isdir(os.path.expanduser(place)) else file.parent
    name = file.stem if is_one else base.resolve().name
    location = str(file) if len(files) == 1 else os.path.expanduser(place)
    return replace(splits, name=name, location=location, notes=(*notes, *splits.notes))


def open_tables(
    roles: dict[Path, str],
    image: str | None = None,
    label: str | None = None,
    *,
    names: Sequence[str] = (),
    follow: bool = False,
) -> DataSplits:
    """The same of files with the split of each. names: of the classes 0, 1, ... where the files do not say them."""
    tables: list[_Table] = []
    notes: list[str] = []
    for file, role in sorted(roles.items(), key=lambda item: item[1] != "train"):
        rows = TableRows.read(file, image, label, follow=follow, names=names)
        if image is None or label is None:
            notes.append(rows.columns.note(file))
            image, label = rows.columns.image, rows.columns.label
        if not rows.is_unlabelled:
            tables.append(_Table(rows, role))
        elif role == "train":
            raise DataError(f"{file} has pictures without label (-1); leave them out to train")
        else:
            notes.append(f"{file.name} has pictures without label (-1) and is left out")
    first = tables[0].rows
    origin = first.entries.file
    if foreign := next((each.rows for each in tables if each.rows.named != first.named), None):
        raise DataError(f"{foreign.entries.file} names other classes than {origin}; write both with the same features")
    trained = [table.rows.labels[row] for table in tables for row in table.of("train")]
    if not trained:
        raise DataError(f"{origin} has no row of the split 'train'; without a column of splits all rows are")
    classes = classes_of(trained, first.named, origin)
    sets = {split: _as_set(tables, split, classes, origin.name) for split in _SPLITS}
    images = sets["train"]
    assert images is not None
    return DataSplits(
        name=origin.stem,
        classes=classes,
        train=images,
        val=sets["val"],
        test=sets["test"],
        location=str(origin),
        notes=(*notes, *_told(tables), *notes_on(origin, images, classes)),
    )


def with_val_table(splits: DataSplits, path: str | os.PathLike[str], *, follow: bool = False) -> DataSplits:
    """The same splits with all pictures of another table for validation. Raises as `open_table` and `with_val_list`."""
    address = Address.parse(path)
    follow = follow or address.follow
    files = table_files(address.place)
    read = [TableRows.read(file, address.image, address.label, follow=follow, names=()) for file in files]
    tables = [_Table(replace(rows, splits=()), "val") for rows in read]
    return replace(splits, val=_as_set(tables, "val", splits.classes, splits.name))


@dataclass(frozen=True)
class _Table:
    """A table and the split that its rows are of unless a column says it."""

    rows: TableRows
    role: str

    def of(self, split: str) -> list[int]:
        return self.rows.of_split(split, self.role)


def _as_set(tables: Sequence[_Table], split: str, classes: Sequence[str], title: str) -> FileSet | None:
    """The pictures of a split of all tables; None where there are none.

    Raises DataError for a label that is no class of `title`, the training pictures, for pictures that are not there,
    and tables of different kinds.
    """
    chosen = [(table.rows, rows) for table in tables if (rows := table.of(split))]
    if not chosen:
        return None
    for table, rows in chosen:
        table.chosen(rows).check_known([table.labels[row] for row in rows], classes, title)
    labels = indices([table.labels[row] for table, rows in chosen for row in rows], classes)
    held = [table.held for table, _ in chosen if table.held is not None]
    if not held:
        return FileSet([path for table, rows in chosen for path in table.chosen(rows).paths()], labels)
    if len(held) < len(chosen):
        raise DataError(f"{chosen[0][0].entries.file.parent} has tables of paths and tables of pictures; keep one kind")
    parts = np.concatenate([members.parts[rows] for members, (_, rows) in zip(held, chosen, strict=True)])
    parts["file"] = np.repeat(np.arange(len(chosen)), [len(rows) for _, rows in chosen])
    names = [members.names[row] for members, (_, rows) in zip(held, chosen, strict=True) for row in rows]
    return PackedSet([members.container for members in held], names, parts, labels)


def _told(tables: Sequence[_Table]) -> list[str]:
    """Where pictures were copied to, and the notes of all tables."""
    copied = {table.rows.entries.file.name: table.rows.kept for table in tables if table.rows.kept is not None}
    what = next(iter(copied)) if len(copied) == 1 else f"{len(copied)} files"
    places = [kept if len(copied) == 1 else kept.parent for kept in copied.values()]
    notes = [f"the pictures of {what} are copied once, to be read one by one, into {place}" for place in places[:1]]
    return notes + [note for table in tables for note in table.rows.notes]
