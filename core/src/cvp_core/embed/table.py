"""Features in a file: one row a picture, with its path and label, and which network computed them. Without torch.

NAME.safetensors
    features    float32 (N, width)
    labels      int64 (N), where the pictures have some
    paths       uint8, all paths behind one another as the file system has them (UTF-8), path_ends: int64 (N)
    metadata    `cvp_features`, one JSON document: the network, its preprocessing, class names, the data set

NAME.parquet has the columns path, label (the class's name) and features (a list of `width`), and the same metadata.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ConfigError, DataError
from ..spec import Preprocess
from ..weights.atomic import write_atomically
from .selection import Selection

__all__ = ["KEY", "SUFFIXES", "FeatureTable", "Source", "check_output", "read_table", "write_table"]

FORMAT_VERSION = 1
KEY = "cvp_features"
SUFFIXES = (".safetensors", ".parquet")


@dataclass(frozen=True)
class Source:
    """Who computed features. checkpoint: the weights file. name: what it is called. digest: its SHA-256."""

    checkpoint: str
    name: str
    digest: str
    model: str
    preprocess: Preprocess


@dataclass(frozen=True)
class FeatureTable:
    """features: float32 (N, width). paths: N of them, of files or what a data set calls its pictures.

    labels: int64 (N), indices into `classes`; None for pictures without. selection: where a data set was taken from.
    """

    features: np.ndarray
    paths: tuple[str, ...]
    source: Source
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    selection: Selection | None = None

    def __len__(self) -> int:
        return len(self.paths)

    def row_of(self, path: str) -> int | None:
        """The row of a picture, by its path as it is there, or by another way to write it; None if it is not there."""
        row = self._rows.get(path)
        return self._places.get(os.path.abspath(path)) if row is None else row

    def label(self, row: int) -> str | None:
        """The name of a picture's class."""
        return None if self.labels is None else self.classes[self.labels[row]]

    @cached_property
    def _rows(self) -> Mapping[str, int]:
        return {path: row for row, path in enumerate(self.paths)}

    @cached_property
    def _places(self) -> Mapping[str, int]:
        return {os.path.abspath(path): row for row, path in enumerate(self.paths)}

    def document(self) -> str:
        """What the file says besides the numbers, as JSON."""
        source = self.source
        facts = {
            "format_version": FORMAT_VERSION,
            "checkpoint": source.checkpoint,
            "name": source.name,
            "digest": source.digest,
            "model": source.model,
            "preprocess": source.preprocess.to_json(),
            "classes": list(self.classes),
            "selection": None if self.selection is None else self.selection.to_json(),
        }
        return json.dumps(facts, ensure_ascii=False, sort_keys=True)


def check_output(path: Path) -> None:
    """Raises ConfigError for another suffix, NotInstalledError where it is Parquet and pyarrow is missing."""
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"features go to a file that ends with {' or '.join(SUFFIXES)}, not to {path.name}")
    if path.suffix == ".parquet":
        from .parquet import arrow

        arrow()


def write_table(path: Path, table: FeatureTable) -> None:
    """Writes a .safetensors or .parquet file atomically. Raises what `check_output` and `write_atomically` raise."""
    check_output(path)
    if path.suffix == ".parquet":
        from .parquet import to_bytes

        write_atomically(path, to_bytes(table))
        return
    from safetensors.numpy import save

    encoded = [os.fsencode(name) for name in table.paths]
    tensors: dict[str, np.ndarray] = {
        "features": np.ascontiguousarray(table.features, dtype=np.float32),
        "paths": np.frombuffer(b"".join(encoded), np.uint8),
        "path_ends": np.cumsum([len(name) for name in encoded], dtype=np.int64),
    }
    if table.labels is not None:
        tensors["labels"] = np.ascontiguousarray(table.labels, dtype=np.int64)
    write_atomically(path, save(tensors, {KEY: table.document()}))


def read_table(path: Path) -> FeatureTable:
    """What `write_table` wrote. Raises DataError for a file that is missing, damaged, or holds something else."""
    if not path.is_file():
        raise DataError(f"{path} is {'a folder' if path.is_dir() else 'not there'}; `cvp embed` writes such a file")
    if path.suffix == ".parquet":
        from .parquet import from_file

        return from_file(path)
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if KEY not in metadata:
                what = "the weights of a network" if "cvp" in metadata else "something else"
                raise DataError(f"{path} holds {what}, not features; `cvp embed` writes those")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
        return _assembled(path, metadata[KEY], tensors)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is damaged or no features file ({error}); write it again with `cvp embed`") from error


def _assembled(path: Path, document: str, tensors: Mapping[str, np.ndarray]) -> FeatureTable:
    try:
        text, ends = tensors["paths"].tobytes(), tensors["path_ends"].tolist()
        paths = tuple(os.fsdecode(text[start:end]) for start, end in zip([0, *ends], ends, strict=False))
        return described(path, document, tensors["features"], paths, tensors.get("labels"))
    except KeyError as error:
        raise DataError(f"{path} is damaged: it has no {error}; write it again with `cvp embed`") from error


def described(
    path: Path, document: str, features: np.ndarray, paths: tuple[str, ...], labels: np.ndarray | None
) -> FeatureTable:
    """A table with what its file says of itself. Raises DataError where that is damaged or too new."""
    try:
        facts: Mapping[str, Any] = json.loads(document)
        if facts["format_version"] > FORMAT_VERSION:
            raise DataError(
                f"{path} has format version {facts['format_version']}, this cvp-core reads up to {FORMAT_VERSION}: "
                "pip install --upgrade cvp-core"
            )
        names = {key: str(facts[key]) for key in ("checkpoint", "name", "digest", "model")}
        selection = None if facts["selection"] is None else Selection.from_json(facts["selection"])
        source = Source(**names, preprocess=Preprocess.from_json(facts["preprocess"]))
        classes = tuple(str(name) for name in facts["classes"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged ({type(error).__name__}: {error}); write it again") from error
    return FeatureTable(features, paths, source, labels, classes, selection)
