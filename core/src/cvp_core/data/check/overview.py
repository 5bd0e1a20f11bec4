"""A data set on one page: how many a class, how large, and some of its pictures."""

from __future__ import annotations

import io
import warnings

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image, ImageOps

from ...errors import DataError
from ..sources import DataSplits
from .statistics import Statistics

__all__ = ["draw_overview"]

_COLOURS = {"train": "#1f6fb4", "val": "#e69f00", "test": "#8a8a8a"}
_MOST_CLASSES = 30  # bars with a name each; of more classes only the shape is shown
_MOST_POINTS = 20_000
_COLUMNS, _ROWS = 12, 2
_SIDE = 224  # pixels of a picture within its tile
_TILE = (240, 280)


def draw_overview(found: Statistics, splits: DataSplits, *, seed: int = 0) -> bytes:
    """A PNG: bars of the classes, widths and heights, and training pictures drawn by `seed`."""
    bars = min(len(found.classes), _MOST_CLASSES)
    top = max(3.2, 0.24 * bars + 1)
    figure = Figure(figsize=(13, top + 2.6), layout="constrained")
    upper, lower = figure.subfigures(2, 1, squeeze=False, height_ratios=(top, 2.6))[:, 0]
    left, right = upper.subplots(1, 2, width_ratios=(8, 5))
    _draw_classes(left, found)
    _draw_sizes(right, found, seed)
    _draw_pictures(lower.subplots(), splits, seed)
    total = sum(int(counts.sum()) for counts in found.counts.values())
    figure.suptitle(f"{found.name}: {total:,} pictures of {len(found.classes):,} classes")
    return _encoded(figure)


def _draw_classes(axes: Axes, found: Statistics) -> None:
    totals = np.sum(list(found.counts.values()), axis=0)
    is_named = len(totals) <= _MOST_CLASSES
    order = np.arange(len(totals)) if is_named else np.argsort(-totals, kind="stable")
    base = np.zeros(len(totals))
    for split, counts in found.counts.items():
        values, colour = counts[order], _COLOURS[split]
        if is_named:
            axes.barh(range(len(order)), values, left=base, color=colour, label=split)
        else:
            axes.bar(range(len(order)), values, bottom=base, color=colour, label=split, width=1.0)
        base = base + values
    if is_named:
        names = [name if len(name) <= 24 else name[:23] + "…" for name in found.classes]
        axes.set_yticks(range(len(order)), names, fontsize=9)
        axes.invert_yaxis()
        axes.set_xlabel("pictures")
    else:
        axes.set_xlabel("classes, the largest first")
        axes.set_ylabel("pictures")
    if len(found.counts) > 1:
        axes.legend(frameon=False)
    axes.grid(alpha=0.25, axis="x" if is_named else "y")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_sizes(axes: Axes, found: Statistics, seed: int) -> None:
    sizes = found.sizes
    if len(sizes) > _MOST_POINTS:
        sizes = np.random.default_rng(seed).choice(sizes, _MOST_POINTS, replace=False)
    distinct, counts = np.unique(sizes, axis=0, return_counts=True)
    areas = 12 + 150 * counts / counts.max() if len(distinct) < len(sizes) else 12
    axes.scatter(distinct[:, 0], distinct[:, 1], s=areas, color=_COLOURS["train"], alpha=0.4, linewidths=0)
    most = 1.08 * float(sizes.max())
    axes.plot((0, most), (0, most), color="#333333", linewidth=0.8, linestyle="--")
    axes.set_xlim(0, most)
    axes.set_ylim(0, most)
    axes.set_aspect("equal")
    axes.set_xlabel("width, pixels")
    axes.set_ylabel("height, pixels")
    axes.set_title("one size" if len(distinct) == 1 else f"{len(distinct):,} sizes", fontsize=10)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _draw_pictures(axes: Axes, splits: DataSplits, seed: int) -> None:
    """From as many classes as there is room for, in turn. One image of all: axes for each would take seconds."""
    labels = splits.train.labels
    drawn = _drawn(labels, _COLUMNS * _ROWS, seed)
    sheet = Image.new("RGB", (_COLUMNS * _TILE[0], _ROWS * _TILE[1]), "white")
    for place, index in enumerate(drawn.tolist()):
        row, column = divmod(place, _COLUMNS)
        x, y = column * _TILE[0], row * _TILE[1]
        name = splits.classes[int(labels[index])]
        name = name if len(name) <= 14 else name[:13] + "…"
        axes.text(x + _SIDE / 2, y + _TILE[1] - _SIDE - 6, name, ha="center", va="bottom", fontsize=8)
        try:
            picture = ImageOps.contain(splits.train.read(index), (_SIDE, _SIDE))
        except DataError:
            continue
        sheet.paste(picture, (x + (_SIDE - picture.width) // 2, y + _TILE[1] - picture.height))
    axes.imshow(sheet)
    axes.axis("off")


def _drawn(labels: np.ndarray, count: int, seed: int) -> np.ndarray:
    shuffled = np.random.default_rng(seed).permutation(len(labels))
    rank = np.zeros(len(labels), np.int64)
    for label in np.unique(labels):
        members = shuffled[labels[shuffled] == label]
        rank[members] = np.arange(len(members))
    chosen = shuffled[np.argsort(rank[shuffled], kind="stable")][:count]
    return chosen[np.argsort(labels[chosen], kind="stable")]


def _encoded(figure: Figure) -> bytes:
    FigureCanvasAgg(figure)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A class name in a script that the default font lacks is drawn as boxes; that needs no words here.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
