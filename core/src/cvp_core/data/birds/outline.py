"""Smooth outlines and where they stand: splines, tapered ribbons and affine placements.

Points are float arrays (n, 2), x to the right and y downwards, as in the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
    return _catmull_rom(len(knots), is_closed, steps) @ np.asarray(knots, dtype=float)


def ribbon(knots: Knots, widths: Sequence[float], steps: int = 4) -> Points:
    """The outline of a strip along `knots` whose full width at each knot is given: a bill, a feather, a twig."""
    matrix = _catmull_rom(len(knots), False, steps)
    spine = matrix @ np.asarray(knots, dtype=float)
    along = np.gradient(spine, axis=0)
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)
    half = 0.5 * np.maximum(matrix @ np.asarray(widths, dtype=float), 0.0) / length
    side = np.stack([-along[:, 1] * half, along[:, 0] * half], axis=1)
    return np.concatenate([spine + side, (spine - side)[::-1]])


def oval(x: float, y: float, x_radius: float, y_radius: float | None = None, angle_deg: float = 0.0) -> Points:
    """An ellipse; a circle when one radius is given."""
    turn = np.linspace(0.0, 2 * np.pi, 16, endpoint=False)
    across = x_radius if y_radius is None else y_radius
    points = np.stack([x_radius * np.cos(turn), across * np.sin(turn)], axis=1)
    return Placement().rotate(angle_deg).move(x, y).apply(points)


@dataclass(frozen=True)
class Placement:
    """An affine map; each method returns the map followed by one more step."""

    matrix: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 1.0)  # row-major
    offset: tuple[float, float] = (0.0, 0.0)

    def apply(self, points: Points) -> Points:
        a, b, c, d = self.matrix
        x, y = points[..., 0], points[..., 1]
        return np.stack([a * x + b * y + self.offset[0], c * x + d * y + self.offset[1]], axis=-1)

    def then(self, outer: Placement) -> Placement:
        a, b, c, d = self.matrix
        e, f, g, h = outer.matrix
        x, y = self.offset
        return Placement(
            (e * a + f * c, e * b + f * d, g * a + h * c, g * b + h * d),
            (e * x + f * y + outer.offset[0], g * x + h * y + outer.offset[1]),
        )

    def rotate(self, angle_deg: float, about: tuple[float, float] = (0.0, 0.0)) -> Placement:
        """Positive angles turn clockwise on the picture."""
        angle = np.deg2rad(angle_deg)
        c, s = float(np.cos(angle)), float(np.sin(angle))
        x, y = about
        return self.then(Placement((c, -s, s, c), (x - c * x + s * y, y - s * x - c * y)))

    def stretch(self, x: float, y: float, about: tuple[float, float] = (0.0, 0.0)) -> Placement:
        return self.then(Placement((x, 0.0, 0.0, y), (about[0] * (1 - x), about[1] * (1 - y))))

    def move(self, x: float, y: float) -> Placement:
        return self.then(Placement(offset=(x, y)))
