"""Features as a Parquet file, for pandas, Polars and DuckDB, through pyarrow."""

from __future__ import annotations

import io
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, NotInstalledError
from .table import KEY, FeatureTable, described

__all__ = ["arrow", "from_file", "to_bytes"]


def arrow() -> tuple[Any, Any]:
    """pyarrow and its Parquet module. Raises NotInstalledError with the pip command."""
    try:
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as error:
        raise NotInstalledError(
            "Parquet needs pyarrow, which is not installed: pip install pyarrow (a .safetensors file needs nothing)"
        ) from error


def to_bytes(table: FeatureTable) -> bytes:
    """A row group for every 65,536 pictures; names of files that are no UTF-8 are written with replacements."""
    pa, parquet = arrow()
    features = np.ascontiguousarray(table.features, dtype=np.float32)
    columns = {
        "path": pa.array([os.fsencode(path).decode("utf-8", "replace") for path in table.paths], pa.string()),
        "label": pa.array([table.label(row) for row in range(len(table))], pa.string()),
        "features": pa.FixedSizeListArray.from_arrays(pa.array(features.ravel()), features.shape[1]),
    }
    buffer = io.BytesIO()
    written = pa.table(columns).replace_schema_metadata({KEY: table.document()})
    parquet.write_table(written, buffer, row_group_size=1 << 16)
    return buffer.getvalue()


def from_file(path: Path) -> FeatureTable:
    """Raises DataError for a file that is damaged or holds something else."""
    pa, parquet = arrow()
    try:
        table = parquet.read_table(path)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path} is damaged or no Parquet file ({reason}); write it again") from error
    document = (table.schema.metadata or {}).get(KEY.encode())
    if document is None:
        raise DataError(f"{path} was not written by `cvp embed`: it does not say which network made its features")
    width = table.schema.field("features").type.list_size
    features = table["features"].combine_chunks().flatten().to_numpy().reshape(-1, width)
    paths = tuple(table["path"].to_pylist())
    found = described(path, document.decode(), features, paths, None)
    names = table["label"].to_pylist()
    if not names or None in names:
        return found
    numbers = {name: index for index, name in enumerate(found.classes)}
    labels = np.array([numbers[name] for name in names], dtype=np.int64)
    return FeatureTable(features, paths, found.source, labels, found.classes, found.selection)
