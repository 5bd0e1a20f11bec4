"""The map: what is alike lies together, and each class has its colour."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvp_core.embed import chart, plot_map, project
from cvp_core.embed.chart import _spread
from cvp_core.errors import DataError
from cvp_core.palette import colours_for


def groups(count: int = 3, each: int = 20, width: int = 16) -> tuple[np.ndarray, np.ndarray]:
    """Directions around `count` orthogonal axes, in random lengths."""
    generator = np.random.default_rng(0)
    labels = np.repeat(np.arange(count), each)
    rows = np.eye(width)[labels] + 0.1 * generator.standard_normal((count * each, width))
    return (rows * generator.uniform(0.1, 10, (len(rows), 1))).astype(np.float32), labels


@pytest.mark.parametrize("with_tsne", [True, False])
def test_pictures_that_are_alike_lie_together(monkeypatch: pytest.MonkeyPatch, with_tsne: bool) -> None:
    if with_tsne:
        pytest.importorskip("sklearn")
    monkeypatch.setattr(chart, "can_group", lambda: with_tsne)
    features, labels = groups()
    layout = project(features)
    assert layout.method.startswith("t-SNE, perplexity 20" if with_tsne else "PCA, ")
    distances = np.linalg.norm(layout.points[:, None] - layout.points[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    assert (labels[distances.argmin(1)] == labels).all()


def test_pca_is_the_plane_of_greatest_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart, "can_group", lambda: False)
    features, _ = groups()
    directions = features.astype(np.float64) / np.linalg.norm(features.astype(np.float64), axis=1, keepdims=True)
    variances = np.linalg.eigvalsh(np.cov(directions.T, bias=True))[::-1]
    layout = project(features)
    np.testing.assert_allclose(layout.points.var(axis=0), variances[:2], rtol=1e-6)
    assert layout.method == f"PCA, {variances[:2].sum() / variances.sum():.0%} of the variance"


def test_many_pictures_are_drawn_by_lot_and_few_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chart, "can_group", lambda: False)
    monkeypatch.setattr(chart, "_MOST_POINTS", 25)
    features, _ = groups()
    layout = project(features)
    assert len(layout.rows) == len(set(layout.rows.tolist())) == 25
    assert project(features).rows.tolist() == layout.rows.tolist()
    with pytest.raises(DataError, match="at least 3 pictures, given 2"):
        project(features[:2])
    assert np.isfinite(project(np.zeros((5, 4), np.float32)).points).all()


@pytest.mark.parametrize("count", [1, 3, 12, 30, 100])
def test_every_class_has_its_own_colour_on_the_map(tmp_path: Path, count: int) -> None:
    assert len(set(colours_for(count))) == count
    generator = np.random.default_rng(0)
    layout = chart.Layout(generator.standard_normal((200, 2)), np.arange(200), "PCA")
    labels = np.arange(200) % count
    path = tmp_path / "maps" / "map.png"
    plot_map(layout, "鸟", path, labels=labels, classes=[f"class {index}" for index in range(count)])
    with Image.open(path) as picture:
        shown = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
    if count <= 12:
        wanted = [tuple(int(colour[at : at + 2], 16) for at in (1, 3, 5)) for colour in colours_for(count)]
        assert shown >= set(wanted)


def test_pictures_hang_on_the_map_and_unreadable_ones_do_not(tmp_path: Path) -> None:
    layout = chart.Layout(np.array([[0.0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]]), np.arange(5), "PCA")

    def read(row: int) -> Image.Image:
        if row == 0:
            raise DataError("gone")
        return Image.new("RGB", (30, 60), (12, 34, 56))

    plot_map(layout, "two", tmp_path / "map.png", read=read)
    with Image.open(tmp_path / "map.png") as picture:
        pixels = np.asarray(picture.convert("RGB"))
    area = int((np.abs(pixels.astype(int) - (12, 34, 56)).max(axis=2) <= 2).sum())
    assert 0.8 <= area / chart._THUMB**2 / 2 <= 1.05 or 0.8 <= area / chart._THUMB**2 <= 1.05


def test_pictures_on_the_map_do_not_cover_each_other() -> None:
    places = np.random.default_rng(0).uniform(0, 800, (500, 2))
    chosen = _spread(places, 60, 1000)
    gaps = np.abs(places[chosen][:, None] - places[chosen][None]).max(axis=2)
    np.fill_diagonal(gaps, np.inf)
    assert gaps.min() >= 60
    # No place is left where another would fit.
    assert np.abs(places[:, None] - places[chosen][None]).max(axis=2).min(axis=1).max() < 60
    assert len(_spread(places, 60, 7)) == 7
