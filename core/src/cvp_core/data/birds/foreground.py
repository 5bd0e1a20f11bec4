"""What the bird stands on and what stands before it: branches, ground, leaves, grass."""

from __future__ import annotations

import numpy as np

from .backdrop import EARTHS, LEAVES, two
from .figure import Colour, Figure, mix, scaled
from .outline import Placement, ribbon, spline

Rng = np.random.Generator


def branch(rng: Rng, x: float, y: float, angle_deg: float, width: float) -> Figure:
    """A branch right across the frame whose upper edge passes through (x, y)."""
    figure = Figure().view(Placement().rotate(angle_deg).move(x, y))
    bark, moss = two(rng, EARTHS)
    bark = scaled(bark, 0.7)
    bend = rng.normal(0.0, 0.05, 2)
    middle = width / 2
    spine = np.array([(-1.5, bend[0]), (-0.4, middle), (0.0, middle), (0.4, middle), (1.5, bend[1])])
    figure.part(ribbon(spine, np.array([1.3, 1.05, 1.0, 0.95, 0.7]) * width), bark)
    lit = Placement().move(0.0, -0.22 * width).apply(spine)
    figure.mark(ribbon(lit, np.array([0.5, 0.4, 0.4, 0.4, 0.3]) * width), mix(bark, moss, 0.6), 0.6)
    for start in rng.uniform(-0.9, 0.8, 7):
        near, far = width * rng.uniform(0.2, 0.9, 2)
        figure.strokes(np.array([(start, near), (start + 0.16, far)]), scaled(bark, 0.5), 1.0, 0.6)
    for side in rng.uniform(-0.8, 0.8, int(rng.integers(0, 4))):
        _leaf(figure, rng, float(side), width * 0.5, rng.uniform(0, 360), rng.uniform(0.07, 0.16))
    return figure


def ground(rng: Rng, y: float) -> Figure:
    """Sand, mud or turf from just above `y` to the lower edge, with pebbles."""
    figure = Figure()
    earth, pebble = two(rng, EARTHS + LEAVES[:2])
    rise = rng.normal(0.0, 0.02, 5)
    top = np.stack([np.linspace(-0.1, 1.1, 5), y - rng.uniform(0.02, 0.12) + rise], axis=1)
    surface = spline(top, is_closed=False)
    figure.part(np.concatenate([surface, [(1.1, 1.3), (-0.1, 1.3)]]), earth)
    starts = np.stack([rng.uniform(0, 1, 40), rng.uniform(y - 0.05, 1.0, 40)], axis=1)
    ends = starts + np.stack([rng.uniform(0.01, 0.06, 40), rng.normal(0, 0.004, 40)], axis=1)
    strokes = np.stack([starts, ends], axis=1)
    figure.strokes(strokes[:20], pebble, 1.5, 0.6)
    figure.strokes(strokes[20:], scaled(earth, 0.7), 1.0, 0.6)
    return figure


def cover(rng: Rng, away_from: tuple[float, float]) -> Figure | None:
    """Leaves, grass or twigs before the bird, mostly clear of the point it is told by; often nothing."""
    kind = rng.random()
    if kind < 0.40:
        return None
    figure = Figure()
    if kind < 0.65:
        for _ in range(int(rng.integers(1, 5))):
            x, y = _clear_of(rng, away_from)
            _leaf(figure, rng, x, y, rng.uniform(0, 360), rng.uniform(0.09, 0.2))
    elif kind < 0.82:
        colour, tip = two(rng, LEAVES)
        for _ in range(int(rng.integers(3, 9))):
            x, _ = _clear_of(rng, away_from)
            height, lean = rng.uniform(0.2, 0.6), rng.normal(0.0, 0.12)
            blade = [(x, 1.05), (x + lean * 0.3, 1.0 - height * 0.5), (x + lean, 1.0 - height)]
            figure.part(ribbon(blade, [0.03, 0.025, 0.002]), mix(colour, tip, rng.random()))
    else:
        bark = scaled(two(rng, EARTHS)[0], 0.7)
        for _ in range(int(rng.integers(1, 3))):
            x, y = _clear_of(rng, away_from)
            twig = figure.view(Placement().rotate(rng.uniform(0, 180)).move(x, y))
            sag = rng.normal(0.0, 0.06)
            twig.part(ribbon([(-1.5, sag), (0.0, 0.0), (1.5, sag)], [0.02, 0.028, 0.02]), bark)
    return figure


def _clear_of(rng: Rng, point: tuple[float, float]) -> tuple[float, float]:
    """A place in the frame, drawn again a few times if it is too near `point`."""
    for _ in range(4):
        x, y = rng.uniform(0.0, 1.0, 2)
        if np.hypot(x - point[0], y - point[1]) > 0.27:
            break
    return float(x), float(y)


def _leaf(figure: Figure, rng: Rng, x: float, y: float, angle_deg: float, length: float) -> None:
    colour, other = two(rng, LEAVES)
    leaf = figure.view(Placement().rotate(angle_deg).move(x, y))
    spine = [(0.0, 0.0), (length * 0.5, length * 0.1), (length, 0.0)]
    shade: Colour = mix(colour, other, rng.random())
    leaf.part(ribbon(spine, [0.0, length * rng.uniform(0.3, 0.6), 0.0]), shade)
    leaf.strokes(spline(spine, is_closed=False), mix(shade, (0.9, 0.95, 0.7), 0.35), 1.0, 0.7)
