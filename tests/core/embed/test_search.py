"""Cosine search against a brute force in float64, and scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest

from cvp_core.embed import nearest, search
from cvp_core.errors import DataError


def drawn(count: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)


def cosines(features: np.ndarray, queries: np.ndarray) -> np.ndarray:
    rows, asked = features.astype(np.float64), queries.astype(np.float64)
    products = np.array([[query @ row for row in rows] for query in asked])
    return products / np.outer(np.linalg.norm(asked, axis=1), np.linalg.norm(rows, axis=1))


@pytest.mark.parametrize("block, queries_at_once", [(16384, 256), (7, 3)])
def test_neighbours_are_those_of_a_brute_force(
    monkeypatch: pytest.MonkeyPatch, block: int, queries_at_once: int
) -> None:
    monkeypatch.setattr(search, "_BLOCK", block)
    monkeypatch.setattr(search, "_QUERIES", queries_at_once)
    features = drawn(100, 12) * np.linspace(0.01, 50, 100, dtype=np.float32)[:, None]
    queries = drawn(8, 12, seed=1)
    indices, similarities = nearest(features, queries, 6)
    expected = cosines(features, queries)
    assert indices.tolist() == np.argsort(-expected, axis=1)[:, :6].tolist()
    np.testing.assert_allclose(similarities, np.sort(expected, axis=1)[:, ::-1][:, :6], atol=1e-6)


def test_neighbours_are_those_of_scikit_learn() -> None:
    neighbors = pytest.importorskip("sklearn.neighbors")
    features, queries = drawn(300, 20), drawn(10, 20, seed=1)
    theirs = neighbors.NearestNeighbors(n_neighbors=5, metric="cosine", algorithm="brute").fit(features)
    distances, rows = theirs.kneighbors(queries)
    indices, similarities = nearest(features, queries, 5)
    assert indices.tolist() == rows.tolist()
    np.testing.assert_allclose(similarities, 1 - distances, atol=1e-5)


def test_a_picture_is_nearest_to_itself_whatever_its_length() -> None:
    features = drawn(50, 9)
    indices, similarities = nearest(features, 3 * features, 1)
    assert indices[:, 0].tolist() == list(range(50))
    np.testing.assert_allclose(similarities, 1, atol=1e-6)
    assert similarities.max() <= 1


def test_more_neighbours_than_there_are_give_all_and_equal_ones_keep_their_order() -> None:
    features = np.ones((4, 3), np.float32)
    indices, similarities = nearest(features, np.ones((2, 3), np.float32), 9)
    assert indices.tolist() == [[0, 1, 2, 3]] * 2
    assert similarities.shape == (2, 4)


def test_features_of_length_zero_are_similar_to_nothing() -> None:
    indices, similarities = nearest(np.array([[0, 0], [1, 0]], np.float32), np.array([[1, 0], [0, 0]], np.float32), 2)
    assert indices[0].tolist() == [1, 0]
    assert similarities.tolist() == [[1, 0], [0, 0]]


def test_another_width_is_refused() -> None:
    with pytest.raises(DataError, match="5 features was looked for among 4"):
        nearest(drawn(3, 4), drawn(1, 5), 1)
