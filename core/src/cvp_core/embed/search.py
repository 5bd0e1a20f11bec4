"""Which pictures are nearest to a picture: exact search by cosine similarity, in NumPy."""

from __future__ import annotations

import numpy as np

from ..errors import DataError

__all__ = ["nearest"]

_BLOCK = 16384  # rows whose lengths and products are held at a time
_QUERIES = 256


def nearest(features: np.ndarray, queries: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """For each query the rows of `features` that are most similar, best first, and their cosine similarity.

    features: float32 (N, width). queries: float32 (Q, width). Returns int64 and float32 (Q, min(top, N)).
    Features of length 0 are similar to nothing (0). Raises DataError where the widths differ.
    """
    if features.shape[1] != queries.shape[1]:
        raise DataError(f"a picture with {queries.shape[1]} features was looked for among {features.shape[1]} each")
    parts = [_nearest(features, queries[at : at + _QUERIES], top) for at in range(0, len(queries), _QUERIES)]
    if not parts:
        return np.empty((0, min(top, len(features))), np.int64), np.empty((0, min(top, len(features))), np.float32)
    indices, similarities = zip(*parts, strict=True)
    return np.concatenate(indices), np.concatenate(similarities)


def _nearest(features: np.ndarray, queries: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    directions = queries / _lengths(queries)[:, None]
    indices = np.empty((len(queries), 0), np.int64)
    similarities = np.empty((len(queries), 0), np.float32)
    for start in range(0, len(features), _BLOCK):
        block = features[start : start + _BLOCK]
        found = (directions @ block.T / _lengths(block)).astype(np.float32, copy=False)
        rows = np.broadcast_to(np.arange(start, start + len(block)), found.shape)
        indices, similarities = _best(np.hstack([indices, rows]), np.hstack([similarities, found]), top)
    return indices, np.clip(similarities, -1.0, 1.0)


def _best(indices: np.ndarray, similarities: np.ndarray, top: int) -> tuple[np.ndarray, np.ndarray]:
    """The `top` columns of greatest similarity, best first, of equal ones the earlier row."""
    if similarities.shape[1] > top:
        chosen = np.argpartition(-similarities, top - 1, axis=1)[:, :top]
        indices = np.take_along_axis(indices, chosen, axis=1)
        similarities = np.take_along_axis(similarities, chosen, axis=1)
    order = np.lexsort((indices, -similarities), axis=1)
    return np.take_along_axis(indices, order, axis=1), np.take_along_axis(similarities, order, axis=1)


def _lengths(rows: np.ndarray) -> np.ndarray:
    """The length of each row, never 0."""
    squares = np.einsum("ij,ij->i", rows, rows, dtype=np.float32)
    lengths: np.ndarray = np.maximum(np.sqrt(squares), np.finfo(np.float32).tiny)
    return lengths
