"""A .csv or .tsv file as columns of text."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import DataError
from .entries import read_text

__all__ = ["Delimited"]


class Delimited:
    """The rows below a line of column names. A .csv is separated by commas, or by the semicolons or tabs of its header.

    Raises DataError for undecodable text and for a file without a header.
    """

    unit = "line"

    def __init__(self, file: Path) -> None:
        self.file = file
        self._text = read_text(file)
        header = self._text.partition("\n")[0]
        self._delimiter = "\t" if file.suffix.lower() == ".tsv" else max(",;\t", key=header.count)
        rows = self._rows()
        _, names = next(rows, (0, []))
        if not any(names):
            raise DataError(f"{file} is empty; expected a line of column names, such as: image,label")
        self.columns = tuple(name.strip() for name in names)
        self.first: Sequence[object] = next(rows, (0, []))[1]

    def class_names(self, column: str) -> tuple[str, ...]:
        """None: a text file does not say how its numbers are called."""
        return ()

    def cells(self, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """Line number and the text of `columns`, of every row. Raises DataError for a row that is too short or long."""
        places = [self.columns.index(column) for column in columns]
        rows = self._rows()
        next(rows)
        for line, row in rows:
            if len(row) != len(self.columns):
                raise DataError(
                    f"{self.file}, line {line}: {len(row)} columns where the first line names {len(self.columns)}; "
                    'text that holds the separator stands in "quotes"'
                )
            yield line, [row[place].strip() for place in places]

    def _rows(self) -> Iterator[tuple[int, list[str]]]:
        """The line that a row begins in, and its cells; blank lines are none."""
        reader = csv.reader(io.StringIO(self._text, newline=""), delimiter=self._delimiter, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                row = next(reader, None)
            except csv.Error as error:
                raise DataError(f"{self.file}, line {line}: not separated text ({error})") from None
            if row is None:
                return
            if any(cell.strip() for cell in row):
                yield line, row
