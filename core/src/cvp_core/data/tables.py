"""A table as a data set, .csv, .tsv or .parquet: a column of pictures, one of labels and perhaps one of splits."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..catalogue import near_files
from ..errors import DataError
from .class_folders import split_called
from .columns import TABLE_SUFFIXES, Columns, split_address
from .delimited import Delimited
from .entries import Entries, Entry, classes_of, indices, notes_on
from .packed import PackedSet
from .parquet import Parquet
from .sources import DataSplits, FileSet

__all__ = ["open_table", "with_val_table"]


def open_table(
    path: str | os.PathLike[str],
    *,
    image_column: str | None = None,
    label_column: str | None = None,
    follow: bool = False,
) -> DataSplits:
    """The pictures that a table names, or in a .parquet file holds, under the labels that it gives them.

    path: may be a `table_address`. image_column, label_column: otherwise guessed by their names, which is a note.
    A column called split, subset, partition or set divides the pictures if it says train, val or test, or an alias,
    throughout. Labels and paths are those of a list file (see `open_list`); a .parquet of Hugging Face names its
    numbers itself.
    Raises DataError that names file, line or row, and column; NotInstalledError for a .parquet without pyarrow.
    """
    table = _Table.read(path, image_column, label_column, follow)
    labels, named = table.entries.labels(table.names)
    train = table.rows_of("train") if table.splits else list(range(len(labels)))
    if not train:
        raise DataError(f"{table.file} has no row of the split 'train'; without a column of splits all rows are")
    classes = classes_of((labels[row] for row in train), named, table.file)
    images = table.as_set(train, labels, classes)
    held_out: dict[str, FileSet | None] = {"val": None, "test": None}
    for split in held_out:
        if rows := table.rows_of(split):
            table.chosen(rows).check_known([labels[row] for row in rows], classes, table.file.name)
            held_out[split] = table.as_set(rows, labels, classes)
    return DataSplits(
        # A file called train.csv is named after its folder.
        name=table.file.resolve().parent.name if split_called(table.file.stem) == "train" else table.file.stem,
        classes=classes,
        train=images,
        val=held_out["val"],
        test=held_out["test"],
        location=str(table.file),
        notes=(*table.notes, *notes_on(table.file, images, classes)),
    )


def with_val_table(splits: DataSplits, path: str | os.PathLike[str], *, follow: bool = False) -> DataSplits:
    """The same splits with all pictures of another table for validation. Raises as `open_table` and `with_val_list`."""
    table = _Table.read(path, None, None, follow)
    labels, _ = table.entries.labels(table.names)
    table.entries.check_known(labels, splits.classes, splits.name)
    return replace(splits, val=table.as_set(list(range(len(labels))), labels, splits.classes))


@dataclass(frozen=True)
class _Table:
    """What a table says. splits: of each row, empty without such a column. held: the pictures that it holds itself."""

    file: Path
    entries: Entries
    splits: list[str]
    names: tuple[str, ...]  # of the classes 0, 1, ...
    held: PackedSet | None
    notes: list[str]

    @classmethod
    def read(cls, path: str | os.PathLike[str], image: str | None, label: str | None, follow: bool) -> _Table:
        file, named_image, named_label = split_address(path)
        if not os.path.isfile(file):
            near = near_files(file, TABLE_SUFFIXES)
            raise DataError(f"no table '{file}'.{near} Give a .csv, .tsv or .parquet of pictures and labels.")
        rows = Parquet(file) if file.suffix.lower() == ".parquet" else Delimited(file)
        image, label = image or named_image, label or named_label
        columns = Columns.pick(file, rows.columns, rows.first, image, label)
        notes = [] if image and label else [columns.note(file)]
        held = None
        if isinstance(rows, Parquet) and rows.holds_pictures(columns.image):
            members, kept = rows.pictures(columns.image)
            notes.append(f"the pictures of {file.name} are copied once, to be read one by one, into {kept}")
            held = PackedSet((members.container,), members.names, members.parts, [0] * len(members.names))
        entries = _entries(rows, columns, is_held=held is not None)
        if held is None and not follow:
            entries.check_inside("open_table")
        splits, ignored = _splits(rows, columns.split)
        return cls(file, entries, splits, rows.class_names(columns.label), held, notes + ignored)

    def rows_of(self, split: str) -> list[int]:
        return [row for row, name in enumerate(self.splits) if name == split]

    def chosen(self, rows: Sequence[int]) -> Entries:
        return replace(self.entries, items=[self.entries.items[row] for row in rows])

    def as_set(self, rows: list[int], labels: Sequence[str], classes: Sequence[str]) -> FileSet:
        own = [labels[row] for row in rows]
        if self.held is None:
            return self.chosen(rows).as_set(own, classes)
        images = self.held.subset(rows)
        images.labels = indices(own, classes)
        return images


def _entries(rows: Delimited | Parquet, columns: Columns, *, is_held: bool) -> Entries:
    """An entry a row. Raises DataError for a cell without text."""
    wanted = [columns.label] if is_held else [columns.label, columns.image]
    items = []
    for number, cells in rows.cells(wanted):
        for column, cell in zip(wanted, cells, strict=True):
            if not cell or "\0" in cell:
                what = "a zero byte" if cell else "empty"
                place = f"{rows.file}, {rows.unit} {number}, column '{column}'"
                raise DataError(f"{place}: {what}; fill it in or remove the {rows.unit}")
        items.append(Entry(number, "" if is_held else cells[1], cells[0]))
    if not items:
        raise DataError(f"{rows.file} has no rows below its column names")
    return Entries(rows.file, items, rows.unit)


def _splits(rows: Delimited | Parquet, column: str | None) -> tuple[list[str], list[str]]:
    """The split of each row, and what to tell where the column has other things in it and is not used."""
    if column is None:
        return [], []
    found = []
    for _, (cell,) in rows.cells([column]):
        split = split_called(cell)
        if split is None:
            return [], [f"column '{column}' is ignored: it says '{cell}', and not train, val or test throughout"]
        found.append(split)
    return found, []
