"""What one table says of each row: its picture, its label and perhaps its split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from .class_folders import split_called
from .columns import Columns
from .delimited import Delimited
from .entries import Entries, Entry
from .members import Members
from .parquet import Parquet

__all__ = ["TableRows"]

_NO_LABEL = "-1"


@dataclass(frozen=True)
class TableRows:
    """labels: the class of each row. named: the classes where they are known beforehand.

    splits: of each row, by a column of the table; empty without such a column. held: the pictures, if the table holds
    them itself, and `kept` the file to which they were copied. columns: those that were read.
    is_unlabelled: it has rows with the label -1, by which Hugging Face says that there is none.
    """

    entries: Entries
    labels: Sequence[str]
    named: tuple[str, ...]
    splits: Sequence[str]
    held: Members | None
    kept: Path | None
    columns: Columns
    is_unlabelled: bool
    notes: tuple[str, ...]

    @classmethod
    def read(cls, file: Path, image: str | None, label: str | None, *, follow: bool, names: Sequence[str]) -> TableRows:
        """image, label: columns, guessed if None. names: of the classes 0, 1, ... unless the table says them itself.

        Raises DataError that names file, line or row, and column; NotInstalledError for a .parquet without pyarrow.
        """
        rows = Parquet(file) if file.suffix.lower() == ".parquet" else Delimited(file)
        columns = Columns.pick(file, rows.columns, rows.first, image, label)
        held = kept = None
        if isinstance(rows, Parquet) and rows.holds_pictures(columns.image):
            held, kept = rows.pictures(columns.image)
        entries = _entries(rows, columns, is_held=held is not None)
        if held is None and not follow:
            entries.check_inside()
        splits, notes = _splits(rows, columns.split)
        known = rows.class_names(columns.label) or tuple(names)
        if is_unlabelled := bool(known) and any(entry.label == _NO_LABEL for entry in entries.items):
            labels, named = [entry.label for entry in entries.items], known
        else:
            labels, named = entries.labels(known)
        return cls(entries, labels, named, splits, held, kept, columns, is_unlabelled, tuple(notes))

    def of_split(self, split: str, role: str) -> list[int]:
        """The rows of a split: by the column, else all if the table's `role` is that split."""
        if self.splits:
            return [row for row, name in enumerate(self.splits) if name == split] if role else []
        return list(range(len(self.labels))) if role == split else []

    def chosen(self, rows: Sequence[int]) -> Entries:
        items = self.entries.items
        return Entries(self.entries.file, [items[row] for row in rows], self.entries.unit)


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
