"""The pictures of a run: curves, confusion matrix, worst mistakes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..data import ImageSet
from ..errors import DataError
from ..evaluate import Evaluation
from .events import EpochResult

__all__ = ["plot_confusion", "plot_curves", "plot_mistakes"]

_TRAIN, _VAL = "#8a8a8a", "#1f6fb4"
_MOST_ANNOTATED = 25  # classes beyond which numbers in the cells cannot be read


def plot_curves(history: Sequence[EpochResult], title: str, path: Path) -> None:
    """Loss and accuracy by epoch, training and validation, the best epoch marked."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    epochs = [result.epoch for result in history]
    panels = figure.subplots(1, 2)
    for axes, what in zip(panels, ("loss", "accuracy"), strict=True):
        for side, colour, label in (("train", _TRAIN, "training"), ("val", _VAL, "validation")):
            values = [getattr(result, f"{side}_{what}") for result in history]
            axes.plot(epochs, values, color=colour, marker="o", markersize=3, label=label)
        axes.set_xlabel("epoch")
        axes.set_ylabel(what)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    panels[1].yaxis.set_major_formatter(PercentFormatter(1.0))
    best = [result for result in history if result.is_best]
    if best:
        point = best[-1]
        panels[1].scatter([point.epoch], [point.val_accuracy], s=90, facecolors="none", edgecolors=_VAL, zorder=3)
        panels[1].set_title(f"best: {point.val_accuracy:.1%} in epoch {point.epoch}", fontsize=10, color=_VAL)
    panels[0].legend(frameon=False)
    figure.suptitle(title)
    _save(figure, path)


def plot_confusion(evaluation: Evaluation, classes: Sequence[str], title: str, path: Path) -> None:
    """Rows are the truth, columns the prediction; colour is the share of the row, numbers are counts."""
    counts = evaluation.confusion().numpy()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = min(16.0, 3.5 + 0.45 * len(classes))
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.subplots()
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if len(classes) <= _MOST_ANNOTATED:
        for row, column in np.argwhere(counts > 0):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=9)
    names = [name if len(name) <= 24 else name[:23] + "…" for name in classes]
    step = max(1, len(classes) // 60)
    ticks = range(0, len(classes), step)
    axes.set_xticks(ticks, names[::step], rotation=45, ha="right", fontsize=9 if step == 1 else 6)
    axes.set_yticks(ticks, names[::step], fontsize=9 if step == 1 else 6)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    axes.set_title(f"{title}\naccuracy {evaluation.top1:.1%} on {evaluation.samples} pictures", fontsize=10)
    figure.colorbar(drawn, ax=axes, shrink=0.8, format=PercentFormatter(1.0), label="share of the true class")
    _save(figure, path)


def plot_mistakes(evaluation: Evaluation, images: ImageSet, classes: Sequence[str], path: Path, most: int = 24) -> None:
    """The wrong answers that were given with the greatest confidence; nothing is written if there is none."""
    wrong = (evaluation.predictions != evaluation.labels).nonzero().flatten()
    if not len(wrong):
        return
    order = evaluation.confidences[wrong].argsort(descending=True)
    worst = wrong[order][:most].tolist()
    columns = min(6, len(worst))
    rows = -(-len(worst) // columns)
    figure = Figure(figsize=(2.2 * columns, 2.7 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, index in zip(grid.flat, worst, strict=False):
        try:
            axes.imshow(images.read(index, 3))
        except DataError:
            continue
        truth, guess = classes[int(evaluation.labels[index])], classes[int(evaluation.predictions[index])]
        axes.set_title(f"{guess} {evaluation.confidences[index]:.0%}\nis {truth}", fontsize=8)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        # A class name in a script that the default font lacks is drawn as boxes; that needs no words here.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        figure.savefig(path, dpi=110)
