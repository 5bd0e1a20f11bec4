"""The pictures of a table that are nearest to others: by their row where they are in it, else computed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import DataError, WeightsError
from .search import nearest
from .table import FeatureTable

if TYPE_CHECKING:
    from .compute import Embedder

__all__ = ["Found", "Neighbour", "embedder_of", "similar"]


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A picture of the table and its cosine similarity, -1 to 1, to the one that was asked about."""

    path: str
    similarity: float
    label: str | None
    row: int


@dataclass(frozen=True, slots=True)
class Found:
    """The answer to one picture, the nearest first; or why there is none. row: its own in the table, None if not in."""

    path: str
    neighbours: tuple[Neighbour, ...] = ()
    row: int | None = None
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        near = [{"path": one.path, "similarity": one.similarity, "label": one.label} for one in self.neighbours]
        return {"path": self.path, "neighbours": near, "error": self.error}


def embedder_of(
    table: FeatureTable, checkpoint: str | None, *, device: str = "cpu", weights_dir: str | None = None
) -> Embedder:
    """The network that computed a table: where it was then, else by its name, or `checkpoint`.

    Raises WeightsError where it is gone or is another one now: features of two networks cannot be compared.
    """
    from .compute import open_embedder

    source = table.source
    wanted = checkpoint or (source.checkpoint if Path(source.checkpoint).is_file() else source.name)
    try:
        embedder = open_embedder(wanted, device=device, weights_dir=weights_dir)
    except WeightsError as error:
        if checkpoint is not None:
            raise
        raise WeightsError(
            f"the features are those of {source.name} ({source.model}), which is not here ({error}); "
            "say where it is with --checkpoint FILE"
        ) from error
    if embedder.source.digest != source.digest:
        raise WeightsError(
            f"the features are those of {source.name} ({source.model}, SHA-256 {source.digest[:12]}), but "
            f"{embedder.source.checkpoint} is another file ({embedder.source.model}, {embedder.source.digest[:12]}); "
            "give the one they were made with as --checkpoint, or write the features again with `cvp embed`"
        )
    return embedder


def similar(table: FeatureTable, paths: Sequence[str], top: int, open_network: Callable[[], Embedder]) -> list[Found]:
    """For each picture its `top` nearest others in the table. open_network: called if one is not in the table.

    A picture's own row is no neighbour of it. One that cannot be read has the reason in `error`.
    Raises DataError for a table without pictures.
    """
    if not len(table):
        raise DataError("there are no pictures in the table; `cvp embed` writes one with some")
    rows = {path: row for path in paths if (row := table.row_of(path)) is not None}
    others = [path for path in dict.fromkeys(paths) if path not in rows]
    vectors = {path: table.features[row] for path, row in rows.items()}
    errors: dict[str, str] = {}
    if others:
        computed, errors = _computed(open_network(), others)
        vectors |= computed
    known = list(vectors)
    answers: dict[str, tuple[Neighbour, ...]] = {}
    if known:
        indices, similarities = nearest(table.features, np.stack([vectors[path] for path in known]), top + 1)
        for path, found, values in zip(known, indices.tolist(), similarities.tolist(), strict=True):
            pairs = [pair for pair in zip(found, values, strict=True) if pair[0] != rows.get(path)][:top]
            answers[path] = tuple(Neighbour(table.paths[row], value, table.label(row), row) for row, value in pairs)
    return [Found(path, answers.get(path, ()), rows.get(path), errors.get(path)) for path in paths]


def _computed(embedder: Embedder, paths: list[str]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Features by path, and why the other paths have none."""
    from ..data.sources import FileSet
    from .compute import embed

    found = embed(embedder, [FileSet(paths, [0] * len(paths))])
    return dict(zip(found.names, found.features, strict=True)), dict(found.unreadable)
