"""The pictures of a run: curves, confusion matrix, calibration, worst mistakes; and several runs in one picture."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from ..errors import DataError, OutputError
from ..palette import COLOURS
from ..scores import calibration, row_shares

if TYPE_CHECKING:
    from ..data import ImageSet
    from ..evaluate import Evaluation
    from .events import EpochResult

__all__ = ["plot_comparison", "plot_confusion", "plot_curves", "plot_mistakes", "plot_reliability"]

_TRAIN, _VAL = "#8a8a8a", "#1f6fb4"
_MOST_ANNOTATED = 25  # classes beyond which numbers in the cells cannot be read


def plot_curves(history: Sequence[EpochResult], title: str, path: Path) -> None:
    """Loss, accuracy and learning rate by epoch, training and validation, the best epoch marked."""
    figure = Figure(figsize=(13, 4), layout="constrained")
    epochs = [result.epoch for result in history]
    panels = figure.subplots(1, 3, width_ratios=(5, 5, 3))
    for axes, what in zip(panels, ("loss", "accuracy"), strict=False):
        for side, colour, label in (("train", _TRAIN, "training"), ("val", _VAL, "validation")):
            values = [getattr(result, f"{side}_{what}") for result in history]
            axes.plot(epochs, values, color=colour, marker="o", markersize=3, label=label)
    panels[2].plot(epochs, [result.learning_rate for result in history], color=_TRAIN, marker="o", markersize=3)
    panels[2].ticklabel_format(axis="y", style="sci", scilimits=(-2, 2))
    for axes, what in zip(panels, ("loss", "accuracy", "learning rate"), strict=True):
        _dress(axes, what)
    panels[1].yaxis.set_major_formatter(PercentFormatter(1.0))
    best = [result for result in history if result.is_best]
    if best and best[-1].val_accuracy == best[-1].val_accuracy:
        point = best[-1]
        panels[1].scatter([point.epoch], [point.val_accuracy], s=90, facecolors="none", edgecolors=_VAL, zorder=3)
        panels[1].set_title(f"best: {point.val_accuracy:.1%} in epoch {point.epoch}", fontsize=10, color=_VAL)
    panels[0].legend(frameon=False)
    figure.suptitle(title)
    _save(figure, path)


def plot_comparison(runs: Sequence[tuple[str, Sequence[EpochResult]]], path: Path) -> None:
    """Loss and accuracy of several (label, history) by epoch: validation drawn out, training dotted.

    Each is labelled where its curve ends. Raises OutputError where `path` cannot be written.
    """
    figure = Figure(figsize=(12, 4.8), layout="constrained")
    panels = figure.subplots(1, 2)
    for axes, what in zip(panels, ("loss", "accuracy"), strict=True):
        ends = []
        for number, (label, history) in enumerate(runs):
            colour = COLOURS[number % len(COLOURS)]
            epochs = [result.epoch for result in history]
            train = [getattr(result, f"train_{what}") for result in history]
            val = [getattr(result, f"val_{what}") for result in history]
            shown = val if np.isfinite(val).any() else train
            axes.plot(epochs, train, color=colour, linewidth=1, linestyle=":")
            axes.plot(epochs, val, color=colour, marker="o", markersize=3)
            if epochs:
                ends.append((epochs[-1], shown[-1], label, colour))
        _dress(axes, what)
        _label_ends(axes, ends)
    panels[1].yaxis.set_major_formatter(PercentFormatter(1.0))
    figure.supxlabel("solid: validation, dotted: training", fontsize=9, color="#555555")
    _save(figure, path)


def plot_confusion(evaluation: Evaluation, classes: Sequence[str], title: str, path: Path) -> None:
    """Rows are the truth, columns the prediction; colour is the share of the row, numbers are counts."""
    counts = evaluation.confusion().numpy()
    shares = row_shares(counts)
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


def plot_reliability(evaluation: Evaluation, title: str, path: Path) -> None:
    """Accuracy by confidence, with how many answers there are of each (Guo et al. 2017, arXiv:1706.04599)."""
    measured = calibration(evaluation.confidences, evaluation.predictions == evaluation.labels)
    bins = [one for one in measured.bins if one.count]
    lows = [one.low for one in bins]
    width = 1 / len(measured.bins)
    figure = Figure(figsize=(5, 5.6), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    upper.bar(lows, [one.accuracy for one in bins], width, align="edge", color=_VAL, edgecolor="white")
    upper.plot([0, 1], [0, 1], color="#333333", linewidth=1, linestyle="--")
    upper.scatter([one.confidence for one in bins], [one.accuracy for one in bins], s=14, color="#333333", zorder=3)
    upper.set_ylim(0, 1.02)
    upper.set_ylabel("accuracy")
    upper.set_title(f"{title}\nexpected calibration error {measured.ece:.1%}", fontsize=10)
    lower.bar(lows, [one.count for one in bins], width, align="edge", color=_TRAIN, edgecolor="white")
    lower.set_ylabel("answers")
    lower.set_xlabel("confidence")
    lower.set_xlim(0, 1)
    upper.yaxis.set_major_formatter(PercentFormatter(1.0))
    lower.xaxis.set_major_formatter(PercentFormatter(1.0))
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
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


def _dress(axes: Axes, what: str) -> None:
    axes.set_xlabel("epoch")
    axes.set_ylabel(what)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _label_ends(axes: Axes, ends: Sequence[tuple[int, float, str, str]]) -> None:
    """Names at the right of the panel, moved apart where curves end close together."""
    low, high = axes.get_ylim()
    gap = 0.055 * (high - low)
    place = low - gap
    for epoch, value, label, colour in sorted(ends, key=lambda end: (not np.isfinite(end[1]), end[1])):
        if not np.isfinite(value):
            continue
        place = max(value, place + gap)
        axes.annotate(
            label if len(label) <= 40 else label[:39] + "…",
            (epoch, value),
            (1.02, place),
            textcoords=("axes fraction", "data"),
            color=colour,
            fontsize=8,
            va="center",
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.5, "alpha": 0.6},
        )


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    with warnings.catch_warnings():
        # A class name in a script that the default font lacks is drawn as boxes; that needs no words here.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        try:
            figure.savefig(path, dpi=110)
        except (OSError, ValueError) as error:
            raise OutputError(f"cannot write {path}: {error}") from error
