"""A map of pictures: near each other where a network's features are alike, coloured by class, with some to be seen."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from PIL import Image, ImageOps

from ..errors import DataError
from ..palette import colours_for
from ..weights.atomic import write_atomically

__all__ = ["Layout", "can_group", "plot_map", "project"]

_MOST_POINTS = 5000  # t-SNE of so many takes half a minute
_MOST_NAMED = 20  # classes beyond which colours cannot be told apart, and names stand on the map
_MOST_LABELLED = 60
_LEAST_GROUPED = 8
_COMPONENTS = 50
_THUMB = 46  # pixels of a picture on the map
_MOST_THUMBS = 60
_DPI = 120


@dataclass(frozen=True)
class Layout:
    """points: float (M, 2). rows: int64 (M), which features they stand for. method: how it was found, for the title."""

    points: np.ndarray
    rows: np.ndarray
    method: str


def can_group() -> bool:
    """Whether t-SNE is at hand: it shows groups that a plane through the features hides."""
    return find_spec("sklearn") is not None


def project(features: np.ndarray, seed: int = 0) -> Layout:
    """Places for up to 5,000 pictures, drawn by `seed` where there are more. features: float32 (N, width).

    t-SNE (van der Maaten and Hinton 2008) of the directions of the features, so that neighbours are those of cosine
    similarity, after PCA to 50 components; where scikit-learn is missing, or for a handful, PCA alone.
    Raises DataError for fewer than 3 pictures.
    """
    if len(features) < 3:
        raise DataError(f"a map needs at least 3 pictures, given {len(features)}")
    rows = np.arange(len(features))
    if len(rows) > _MOST_POINTS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, _MOST_POINTS, replace=False))
    chosen = features[rows].astype(np.float64)
    chosen /= np.maximum(np.linalg.norm(chosen, axis=1, keepdims=True), np.finfo(np.float32).tiny)
    components, share = _principal(chosen, _COMPONENTS)
    if not can_group() or len(rows) < _LEAST_GROUPED:
        return Layout(components[:, :2], rows, f"PCA, {share:.0%} of the variance")
    perplexity = min(30.0, (len(rows) - 1) / 3)
    tsne = import_module("sklearn.manifold").TSNE(perplexity=perplexity, init="pca", random_state=seed)
    points: np.ndarray = tsne.fit_transform(components)
    return Layout(points.astype(np.float64), rows, f"t-SNE, perplexity {perplexity:.0f}")


def _principal(rows: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """Coordinates (N, count) along the axes of greatest variance, and the share of it that the first two have."""
    centred = rows - rows.mean(axis=0)
    left, scales, _ = np.linalg.svd(centred, full_matrices=False)
    coordinates = np.zeros((len(rows), max(count, 2)))
    kept = min(coordinates.shape[1], len(scales))
    coordinates[:, :kept] = left[:, :kept] * scales[:kept]
    total = float(np.square(scales).sum())
    return coordinates, float(np.square(scales[:2]).sum()) / total if total else 1.0


def plot_map(
    layout: Layout,
    title: str,
    path: Path,
    *,
    labels: np.ndarray | None = None,
    classes: Sequence[str] = (),
    read: Callable[[int], Image.Image] | None = None,
) -> None:
    """A point a picture, coloured by class, and pictures as far apart as there is room for.

    labels: int64 (N), indices into `classes`. read: the picture of a row of the features, which may raise DataError.
    path: .png, .svg or .pdf. Raises OutputError where it cannot be written.
    """
    figure = Figure(figsize=(11, 8.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    own = np.zeros(len(layout.rows), np.int64) if labels is None else labels[layout.rows]
    colours = np.array(colours_for(len(classes) if labels is not None else 1))
    size = float(np.clip(14000 / len(own), 6, 42))
    across, up = layout.points.T
    axes.scatter(across, up, c=colours[own], s=size, linewidths=0.4, edgecolors="white", zorder=2)
    axes.set(xticks=[], yticks=[])
    axes.margins(0.06)
    axes.set_aspect("equal", adjustable="datalim")
    for spine in axes.spines.values():
        spine.set_color("#cccccc")
    if labels is not None:
        _name_classes(axes, layout.points, own, classes, colours)
    axes.set_title(title, fontsize=12, loc="left", pad=22)
    note = f"{layout.method}; only nearness means something"
    axes.text(0, 1.012, note, transform=axes.transAxes, fontsize=9, color="#555555")
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        if read is not None:
            figure.draw_without_rendering()  # places in pixels are known only then
            _hang_pictures(axes, layout, colours[own], read)
        figure.savefig(buffer, dpi=_DPI, format=path.suffix[1:].lower())
    write_atomically(path, buffer.getvalue())


def _name_classes(axes: Axes, points: np.ndarray, own: np.ndarray, classes: Sequence[str], colours: np.ndarray) -> None:
    """A legend with counts; of many classes, their names where most of each lie."""
    counts = np.bincount(own, minlength=len(classes))
    names = [name if len(name) <= 28 else name[:27] + "…" for name in classes]
    present = [index for index in range(len(classes)) if counts[index]]
    if len(present) <= _MOST_NAMED:
        for index in present:
            axes.scatter([], [], c=colours[index], s=60, label=f"{names[index]} ({counts[index]:,})")
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), frameon=False, fontsize=9)
    elif len(present) <= _MOST_LABELLED:
        for index in present:
            x, y = np.median(points[own == index], axis=0)
            box = {"facecolor": "white", "alpha": 0.75, "edgecolor": colours[index], "boxstyle": "round,pad=0.15"}
            axes.text(x, y, names[index], fontsize=7, ha="center", va="center", bbox=box, zorder=5)


def _hang_pictures(axes: Axes, layout: Layout, edges: np.ndarray, read: Callable[[int], Image.Image]) -> None:
    """Small pictures in frames of their class's colour, none over another; at most a third of all."""
    places = axes.transData.transform(layout.points) * (_DPI / axes.figure.dpi)
    for index in _spread(places, 1.25 * _THUMB, min(_MOST_THUMBS, -(-len(places) // 3))):
        try:
            picture = ImageOps.fit(read(int(layout.rows[index])).convert("RGB"), (_THUMB, _THUMB))
        except DataError:
            continue
        thumb = OffsetImage(np.asarray(picture), zoom=72 / _DPI)  # a pixel of it is a pixel of the file
        frame = {"edgecolor": edges[index], "linewidth": 1.6}
        axes.add_artist(AnnotationBbox(thumb, layout.points[index], pad=0.06, bboxprops=frame, zorder=3))


def _spread(places: np.ndarray, gap: float, most: int) -> list[int]:
    """Indices of places (M, 2) at least `gap` apart to the side or upwards, each the farthest from those before."""
    distances = np.full(len(places), np.inf)
    chosen: list[int] = []
    following = int(np.abs(places - np.median(places, axis=0)).max(axis=1).argmin())
    while len(chosen) < most and distances[following] >= gap:
        chosen.append(following)
        distances = np.minimum(distances, np.abs(places - places[following]).max(axis=1))
        following = int(distances.argmax())
    return chosen
