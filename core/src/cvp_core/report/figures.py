"""Diagrams as SVG within the page: they take its colours, light or dark, and stay sharp in print."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..scores import Calibration, row_shares
from .text import percent, text, thousands

__all__ = ["Series", "confusion_matrix", "curves", "reliability"]

_WIDTH, _HEIGHT = 300, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 14, 34
_MOST_POINTS = 400  # beyond which a curve's points are thinned: more are not seen
_MOST_DOTS = 40


@dataclass(frozen=True)
class Series:
    """One curve. kind: "train" or "val", its colour."""

    kind: str
    label: str
    values: Sequence[float]


def curves(
    epochs: Sequence[int],
    series: Sequence[Series],
    show: Callable[[float], str],
    *,
    best: int | None = None,
) -> str:
    """Curves by epoch. show: a value as a tick. best: the epoch that gets a ring. "" where no value is finite."""
    values = [value for one in series for value in one.values if math.isfinite(value)]
    if not values or not epochs:
        return ""
    ticks = _ticks(min(values), max(values))
    low, high = ticks[0], ticks[-1]
    first, last = epochs[0], max(epochs[-1], epochs[0] + 1)

    def x(epoch: float) -> float:
        return _LEFT + (epoch - first) / (last - first) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (value - low) / (high - low) * (_HEIGHT - _TOP - _BOTTOM)

    parts = []
    for tick in ticks:
        parts.append(f'<path class="axis" d="M{_LEFT} {y(tick):.1f}H{_WIDTH - _RIGHT}"/>')
        parts.append(_words(_LEFT - 6, y(tick) + 4, show(tick), "end"))
    for tick in sorted({round(value) for value in np.linspace(first, epochs[-1], min(6, len(epochs)))}):
        parts.append(_words(x(tick), _HEIGHT - _BOTTOM + 16, str(tick), "middle"))
    parts.append(_words((_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 2, "epoch", "middle"))
    ends = []
    for one in series:
        points = _points(epochs, one.values)
        if not points:
            continue
        line = " ".join(f"{x(epoch):.1f},{y(value):.1f}" for epoch, value in points)
        parts.append(f'<polyline class="{one.kind}" points="{line}"/>')
        for epoch, value in points if len(points) <= _MOST_DOTS else ():
            hint = f"epoch {epoch}, {one.label}: {show(value)}"
            parts.append(_circle(f"dot {one.kind}", x(epoch), y(value), 2.6, hint))
        if one.kind == "val" and best is not None:
            parts += [_circle("ring", x(epoch), y(value), 6.5) for epoch, value in points if epoch == best]
        ends.append((y(points[-1][1]), one))
    if len(ends) > 1:
        parts += _legend(ends)
    return _svg(_WIDTH, _HEIGHT, parts)


def reliability(measured: Calibration) -> str:
    """Bars are the accuracy of each bin of confidence, the dashed line is where they should end; below, how many."""
    side, strip = 190, 34
    left, top = _LEFT + 8, 8
    base = top + side
    parts = []
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        level = base - tick * side
        parts.append(f'<path class="axis" d="M{left} {level:.1f}h{side}"/>')
        parts.append(_words(left - 6, level + 4, f"{tick:.0%}", "end"))
        parts.append(_words(left + tick * side, base + strip + 22, f"{tick:.0%}", "middle"))
    most = max((one.count for one in measured.bins), default=0) or 1
    for one in measured.bins:
        if not one.count:
            continue
        place, width = left + one.low * side, (one.high - one.low) * side - 1.2
        hint = (
            f"confidence {one.low:.0%} to {one.high:.0%}: {thousands(one.count)} answers, "
            f"{percent(one.accuracy)} right, {percent(one.confidence)} expected"
        )
        tall = one.accuracy * side
        parts.append(_bar('class="fill"', place, base - tall, width, tall, hint))
        parts.append(_bar('class="many"', place, base + 6, width, max(1.0, one.count / most * strip), hint))
    parts.append(f'<path class="ideal" d="M{left} {base}L{left + side} {top}"/>')
    parts.append(_words(left - 6, base + 24, "answers", "end"))
    parts.append(_words(left + side / 2, base + strip + 38, "confidence", "middle"))
    parts.append(_words(left + 8, top + 14, "accuracy"))
    return _svg(left + side + 16, base + strip + 42, parts)


def confusion_matrix(counts: np.ndarray, classes: Sequence[str]) -> str:
    """Rows are the truth, columns the answer; colour is the share of the row. counts: int (classes, classes)."""
    names = [name if len(name) <= 22 else f"{name[:21]}…" for name in classes]
    cell = 44 if len(names) <= 12 else 30
    left = 20 + round(6.3 * max(map(len, names), default=1))
    top = 24 + round(4.6 * max(map(len, names), default=1))
    shares = row_shares(counts)
    parts = []
    for row, name in enumerate(names):
        y, middle = top + row * cell, left + row * cell + cell / 2
        parts.append(_words(left - 8, y + cell / 2 + 4, name, "end", "ink"))
        turned = f'transform="translate({middle:.0f} {top - 8}) rotate(-45)"'
        parts.append(f'<text class="ink" {turned}>{text(name)}</text>')
        for column in range(len(names)):
            count, share = int(counts[row, column]), float(shares[row, column])
            x = left + column * cell
            style = f"fill: rgba(var(--cell), {0.06 + 0.94 * share:.3f})" if count else "fill: var(--panel)"
            hint = f"{classes[row]} taken for {classes[column]}: {count} ({percent(share)})"
            parts.append(_bar(f'rx="2" style="{style}"', x + 1, y + 1, cell - 2, cell - 2, hint))
            if count:
                kind = "over" if share > 0.65 else "ink"
                parts.append(_words(x + cell / 2, y + cell / 2 + 4, str(count), "middle", kind))
    width = max((left + (column + 0.5) * cell + 4.6 * len(name) for column, name in enumerate(names)), default=0)
    return _svg(max(width, left + len(names) * cell), top + len(names) * cell + 4, parts)


def _svg(width: float, height: float, parts: Sequence[str]) -> str:
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" style="max-width: {1.15 * width:.0f}px"'
    return f'<svg {size} role="img">\n' + "\n".join(parts) + "\n</svg>"


def _words(x: float, y: float, words: str, anchor: str = "start", kind: str = "") -> str:
    colour = f' class="{kind}"' if kind else ""
    return f'<text{colour} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text(words)}</text>'


def _bar(look: str, x: float, y: float, width: float, height: float, hint: str) -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"'
    return f"<rect {look} {place}><title>{text(hint)}</title></rect>"


def _circle(kind: str, x: float, y: float, radius: float, hint: str = "") -> str:
    title = f"<title>{text(hint)}</title>" if hint else ""
    return f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}">{title}</circle>'


def _legend(ends: Sequence[tuple[float, Series]]) -> list[str]:
    """The names of two curves in the corner that they leave free: at the top where they end low, else at the bottom."""
    is_low = sum(end for end, _ in ends) / len(ends) > _HEIGHT / 2
    start = _TOP + 12 if is_low else _HEIGHT - _BOTTOM - 8 - 15 * (len(ends) - 1)
    ordered = sorted(ends, key=lambda end: end[0])
    right = _WIDTH - _RIGHT - 4
    return [_words(right, start + 15 * row, one.label, "end", one.kind) for row, (_, one) in enumerate(ordered)]


def _points(epochs: Sequence[int], values: Sequence[float]) -> list[tuple[int, float]]:
    """The finite points, thinned evenly where there are very many; the last one stays."""
    points = [(epoch, value) for epoch, value in zip(epochs, values, strict=True) if math.isfinite(value)]
    step = -(-len(points) // _MOST_POINTS) or 1
    return points[:-1:step] + points[-1:]


def _ticks(low: float, high: float) -> list[float]:
    """Two to six round numbers around low..high; their steps divide 1, so that shares stay within 0..1."""
    spread = (high - low) or abs(high) or 1.0
    rough = spread / 4
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 2.5, 5, 10) if size * power >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    if first == last and low > 0:
        first -= 1
    elif first == last:
        last += 1
    return [number * step for number in range(first, last + 1)]
