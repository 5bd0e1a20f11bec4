"""A .parquet file as columns of text, and the pictures that it holds itself. Reading it needs pyarrow."""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import DataError, NotInstalledError
from .kept import Sink, keep, kept_path
from .members import Members
from .packed import MAX_BYTES, Container
from .tars import index_tar
from .unpacking import tell_unpacked

__all__ = ["Parquet"]

_BATCH = 64  # rows in memory: each may hold a picture


class Parquet:
    """Rows count from 1. Raises NotInstalledError without pyarrow, DataError for what is no parquet file."""

    unit = "row"

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            parquet = import_module("pyarrow.parquet")
        except ImportError:
            raise NotInstalledError(
                f"{file} is read by pyarrow, which is not installed: pip install 'cvp-core[parquet]'"
            ) from None
        try:
            self._table: Any = parquet.ParquetFile(file)
        except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
            raise DataError(f"{file} is no parquet file, or it is damaged ({_line(error)})") from None
        self._schema = self._table.schema_arrow
        self.columns: tuple[str, ...] = tuple(self._schema.names)
        self.first: Sequence[object] = next((row for _, row in self._values(self.columns, 1)), ())

    def class_names(self, column: str) -> tuple[str, ...]:
        """What Hugging Face's datasets wrote into the file about a column of numbers."""
        try:
            info = json.loads((self._schema.metadata or {})[b"huggingface"])
            return tuple(map(str, info["info"]["features"][column]["names"]))
        except (KeyError, TypeError, ValueError):
            return ()

    def cells(self, columns: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
        """Row number and the text of `columns`, of every row. Of a picture the text is its path. Raises DataError."""
        shown = [f"{name}.path" if self._field(name, "path") else name for name in columns]
        for row, values in self._values(shown):
            yield row, [self._as_text(value, row, name) for value, name in zip(values, columns, strict=True)]

    def holds_pictures(self, column: str) -> bool:
        """Whether the column has the files themselves: bytes, or {bytes, path} as Hugging Face writes it."""
        kind = self._schema.field(column).type
        if self._field(column, "bytes"):
            first = self.first[self.columns.index(column)] if self.first else None
            return isinstance(first, dict) and first["bytes"] is not None
        return str(kind) in ("binary", "large_binary")

    def pictures(self, column: str) -> tuple[Members, Path]:
        """The column's pictures, a member a row, and where they were put: a plain tar in the user's cache.

        Parquet packs thousands of rows as one, so a single picture cannot be read by place. Raises DataError that names
        the row of a missing or too large one.
        """
        source = Container.of(self.file)
        tag = hashlib.blake2b(column.encode(), digest_size=4).hexdigest()
        name = f"{column}.bytes" if self._field(column, "bytes") else column
        names = [name, f"{column}.path"] if self._field(column, "path") else [name]

        def write(target: Sink) -> None:
            rows = max(1, self._table.metadata.num_rows)
            for row, (content, *path) in self._values(names):
                if row % _BATCH == 0:
                    tell_unpacked(source.title, source.size * row // rows, source.size)
                if not isinstance(content, bytes) or not 0 < len(content) <= MAX_BYTES:
                    what = f"{len(content):,} bytes" if isinstance(content, bytes) else "no picture"
                    raise DataError(f"{self.file}, row {row}, column '{column}': {what}")
                member = tarfile.TarInfo(" ".join([f"row {row}", *(os.path.basename(p) for p in path if p)]))
                member.size = len(content)
                target.write(member.tobuf(tarfile.GNU_FORMAT))
                target.write(content + bytes(-len(content) % tarfile.BLOCKSIZE))
            target.write(bytes(2 * tarfile.BLOCKSIZE))

        kept = keep(kept_path("archives", source, f"-{tag}.tar"), source, write)
        return index_tar(kept, str(self.file)), kept

    def _field(self, column: str, name: str) -> bool:
        kind = self._schema.field(column).type
        return str(kind).startswith("struct<") and any(kind.field(i).name == name for i in range(kind.num_fields))

    def _values(self, columns: Sequence[str], limit: int = 0) -> Iterator[tuple[int, list[Any]]]:
        """Row number and values, one group of rows after the other; "column.field" stands for a part of a struct."""
        row = 0
        for group in range(self._table.num_row_groups):
            # All groups in one call would all be in memory towards the end.
            batches = self._table.iter_batches(batch_size=limit or _BATCH, row_groups=[group], columns=list(columns))
            for batch in batches:
                wanted = [self._part(batch, name) for name in columns]
                for values in zip(*(column.to_pylist() for column in wanted), strict=True):
                    row += 1
                    yield row, list(values)
                    if row == limit:
                        return

    def _part(self, batch: Any, name: str) -> Any:
        if name in self.columns:
            return batch.column(name)
        column, _, field = name.rpartition(".")
        return batch.column(column).field(field)

    def _as_text(self, value: object, row: int, column: str) -> str:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        return "" if value is None else str(value).strip()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:120]
