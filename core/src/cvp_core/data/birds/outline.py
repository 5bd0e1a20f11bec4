"""Smooth outlines and where they stand: splines, tapered ribbons and affine placements.

Points are float arrays (n, 2), x to the right and y downwards, as in the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

Points = np.ndarray
Knots = Sequence[tuple[float, float]] | Points


@lru_cache(maxsize=128)
def _catmull_rom(count: int, is_closed: bool, steps: int) -> np.ndarray:
    """Matrix (samples, knots): a curve is then one small product, and a bird has some fifty curves."""
    t = np.linspace(0.0, 1.0, steps, endpoint=False)
    basis = (-t + 2 * t**2 - t**3, 2 - 5 * t**2 + 3 * t**3, t + 4 * t**2 - 3 * t**3, -(t**2) + t**3)
    segments = count if is_closed else count - 1
    matrix = np.zeros((segments * steps + (not is_closed), count))
    for segment in range(segments):
        rows = slice(segment * steps, (segment + 1) * steps)
        for offset, weight in enumerate(basis):
            knot = segment + offset - 1
            matrix[rows, knot % count if is_closed else min(max(knot, 0), count - 1)] += 0.5 * weight
    if not is_closed:
        matrix[-1, -1] = 1.0
    return matrix


def spline(knots: Knots, is_closed: bool = True, steps: int = 5) -> Points:
    """A Catmull-Rom curve through `knots`, `steps` points a segment."""
    curve: Points = _catmull_rom(len(knots), is_closed, steps) @ np.asarray(knots, dtype=float)
    return curve


def ribbon(knots: Knots, widths: Sequence[float] | np.ndarray, steps: int = 4) -> Points:
    """The outline of a strip along `knots` of given full width at each knot: a bill, a feather, a twig."""
    matrix = _catmull_rom(len(knots), False, steps)
    spine = matrix @ np.asarray(knots, dtype=float)
    along = np.empty_like(spine)
    along[1:-1], along[0], along[-1] = spine[2:] - spine[:-2], spine[1] - spine[0], spine[-1] - spine[-2]
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
    half = 0.5 * np.maximum(matrix @ np.asarray(widths, dtype=float), 0.0) / length
    side = (along * half[:, None])[:, ::-1] * (-1.0, 1.0)
    return np.concatenate([spine + side, (spine - side)[::-1]])


_IDENTITY, _ORIGIN = np.eye(2), np.zeros(2)
_TURN = np.linspace(0.0, 2 * np.pi, 16, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], axis=1)


def oval(x: float, y: float, x_radius: float, y_radius: float | None = None, angle_deg: float = 0.0) -> Points:
    """An ellipse; a circle when one radius is given."""
    radii = (x_radius, x_radius if y_radius is None else y_radius)
    return Placement().rotate(angle_deg).move(x, y).apply(_CIRCLE * radii)


@dataclass(frozen=True, eq=False)
class Placement:
    """An affine map of row vectors; each method returns the map followed by one more step."""

    matrix: np.ndarray = field(default_factory=lambda: _IDENTITY)
    offset: np.ndarray = field(default_factory=lambda: _ORIGIN)

    def apply(self, points: Points) -> Points:
        placed: Points = points @ self.matrix + self.offset
        return placed

    def then(self, outer: Placement) -> Placement:
        return Placement(self.matrix @ outer.matrix, self.offset @ outer.matrix + outer.offset)

    def rotate(self, angle_deg: float, about: tuple[float, float] = (0.0, 0.0)) -> Placement:
        """Positive angles turn clockwise on the picture."""
        angle = np.deg2rad(angle_deg)
        cosine, sine = np.cos(angle), np.sin(angle)
        return self._around(np.array([[cosine, sine], [-sine, cosine]]), about)

    def stretch(self, x: float, y: float, about: tuple[float, float] = (0.0, 0.0)) -> Placement:
        return self._around(np.array([[x, 0.0], [0.0, y]]), about)

    def move(self, x: float, y: float) -> Placement:
        return Placement(self.matrix, self.offset + np.array((x, y)))

    def _around(self, matrix: np.ndarray, about: tuple[float, float]) -> Placement:
        return self.then(Placement(matrix, np.array(about) @ (_IDENTITY - matrix)))
