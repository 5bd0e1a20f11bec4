"""A chart of a benchmark: a panel a model and batch size, a bar a backend and precision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from ..errors import OutputError
from ..palette import COLOURS
from .row import Row

__all__ = ["plot_rows"]

_GREY = "#8a8a8a"  # plain PyTorch
_PALE = {"float32": 0.55}  # the share of white: the same colour, paler for the wider numbers


def plot_rows(rows: Sequence[Row], title: str, note: str, path: Path) -> None:
    """Images a second with the spread between the quartiles. note: a line below, on the machine.

    Every panel has the same bars in the same order, so that panels can be compared; its scale is its own.
    Raises OutputError if `path` cannot be written.
    """
    models = list(dict.fromkeys(row.model for row in rows))
    batches = list(dict.fromkeys(row.batch_size for row in rows))
    bars = list(dict.fromkeys(_label(row) for row in rows))
    colours = _colours(rows)
    height = len(models) * (0.7 + 0.3 * len(bars)) + 1.1
    figure = Figure(figsize=(1.8 + 4.6 * len(batches), height), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(models), len(batches), squeeze=False, sharey=True)
    for line, model in zip(panels, models, strict=True):
        for axes, batch in zip(line, batches, strict=True):
            shown = [row for row in rows if (row.model, row.batch_size) == (model, batch)]
            _draw(axes, shown, bars, colours)
            axes.set_title(f"{model}, batch {batch}", fontsize=10, loc="left", fontweight="bold")
    for axes in panels[-1]:
        axes.set_xlabel("images/s")
    figure.suptitle(title, fontsize=12)
    figure.supxlabel(note, fontsize=8, color="#555555")
    try:
        figure.savefig(path, dpi=130)
    except (OSError, ValueError) as error:
        raise OutputError(f"cannot write {path}: {error}") from error


def _draw(axes: Axes, rows: Sequence[Row], bars: Sequence[str], colours: dict[str, tuple[float, float, float]]) -> None:
    best = max((row.images_per_s or 0.0 for row in rows if row.is_right), default=0.0)
    most = max(((row.images_per_s or 0.0) * (1 + (row.spread or 0.0) / 2) for row in rows), default=0.0) or 1.0
    for row in rows:
        place = bars.index(_label(row))
        if row.images_per_s is None:
            axes.text(0.01 * most, place, "no figure", va="center", fontsize=8, color=_GREY, style="italic")
            continue
        half = row.images_per_s * (row.spread or 0.0) / 2
        axes.barh(
            place,
            row.images_per_s,
            xerr=half,
            color=colours[_label(row)],
            hatch=None if row.is_right else "////",
            edgecolor="white",
            error_kw={"ecolor": "#333333", "elinewidth": 1, "capsize": 2.5},
        )
        text = _number(row.images_per_s) + ("" if row.is_right else "  wrong answers")
        weight = "bold" if row.is_right and row.images_per_s == best else "normal"
        axes.text(row.images_per_s + half + 0.015 * most, place, text, va="center", fontsize=8, fontweight=weight)
    axes.set_yticks(range(len(bars)), bars, fontsize=9)
    axes.set_ylim(len(bars) - 0.5, -0.5)  # the first bar on top
    axes.set_xlim(0, 1.16 * most)
    axes.grid(axis="x", alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _label(row: Row) -> str:
    layout = " channels_last" if row.channels_last else ""
    return f"{row.backend} {row.precision}{layout}"


def _colours(rows: Sequence[Row]) -> dict[str, tuple[float, float, float]]:
    """A colour a backend, paler for float32; grey for `reference`."""
    names = [name for name in dict.fromkeys(row.backend for row in rows) if name != "reference"]
    base = {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(names)} | {"reference": _GREY}
    return {_label(row): _mixed(base[row.backend], _PALE.get(row.precision, 0.0)) for row in rows}


def _mixed(colour: str, white: float) -> tuple[float, float, float]:
    red, green, blue = to_rgb(colour)
    return (red + (1 - red) * white, green + (1 - green) * white, blue + (1 - blue) * white)


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 99.95 else f"{value:.1f}"
