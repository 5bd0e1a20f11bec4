"""A display list of coloured shapes, and the painter that turns it into a sprite.

A species describes itself in its own units; only when the list is complete is its extent known, so that the
scene can choose the scale and then have it painted at the picture's resolution.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .outline import Placement, Points

Colour = tuple[float, float, float]  # red, green, blue in [0, 1]

SUPERSAMPLE = 2  # three looks no different at 128 px and costs twice as much
DETAIL_PX = 128  # line widths are given for a bird of this many pixels


def mix(first: Colour, second: Colour, amount: float) -> Colour:
    """`first` at 0, `second` at 1."""
    r, g, b = (float(p + (q - p) * amount) for p, q in zip(first, second, strict=True))
    return r, g, b


def scaled(colour: Colour, factor: float) -> Colour:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def ink(colour: Colour, alpha: float = 1.0) -> tuple[int, int, int, int]:
    """The colour as Pillow takes it."""
    r, g, b, a = (min(255, max(0, round(255 * channel))) for channel in (*colour, alpha))
    return r, g, b, a


@dataclass(frozen=True)
class Shape:
    """One entry of the list. A width makes strokes of it: points (n, 2), or (strokes, n, 2)."""

    points: Points
    colour: Colour
    alpha: float = 1.0
    width: float | None = None
    is_solid: bool = False  # whether it adds to the silhouette


@dataclass(frozen=True)
class Sprite:
    """What a figure looks like: colour (H, W, 3) and coverage (H, W), both in [0, 1]."""

    colour: np.ndarray
    coverage: np.ndarray


@dataclass(frozen=True)
class Figure:
    """Shapes in painting order; `view` gives a turned pencil that draws into the same list."""

    shapes: list[Shape] = field(default_factory=list)
    placement: Placement = field(default_factory=Placement)

    def view(self, placement: Placement) -> Figure:
        return replace(self, placement=placement.then(self.placement))

    def part(self, points: Points, colour: Colour) -> None:
        """An opaque piece of the body."""
        self.shapes.append(Shape(self.placement.apply(points), colour, is_solid=True))

    def mark(self, points: Points, colour: Colour, alpha: float = 1.0) -> None:
        """Colour that the silhouette clips."""
        self.shapes.append(Shape(self.placement.apply(points), colour, alpha))

    def strokes(self, points: Points, colour: Colour, width: float = 1.0, alpha: float = 1.0) -> None:
        self.shapes.append(Shape(self.placement.apply(points), colour, alpha, width))

    def soften(self) -> None:
        """Blur what has been painted so far, once a bird: plumage has soft borders, eyes have not."""
        self.shapes.append(Shape(np.empty((0, 2)), (0.0, 0.0, 0.0)))

    def extent(self, placement: Placement) -> tuple[Points, Points]:
        """The upper left and the lower right corner of the silhouette as `placement` turns it."""
        points = placement.apply(np.concatenate([shape.points for shape in self.shapes if shape.is_solid]))
        return points.min(axis=0), points.max(axis=0)

    def paint(self, placement: Placement, size: int) -> Sprite:
        """Paint into a square of `size` pixels; `placement` maps figure units to the unit square."""
        full = size * SUPERSAMPLE
        to_pixels = placement.stretch(full, full)
        ground = next(shape.colour for shape in self.shapes if shape.is_solid)
        colour = Image.new("RGB", (full, full), ink(ground)[:3])
        coverage = Image.new("L", (full, full))
        pen, outline_pen = ImageDraw.Draw(colour, "RGBA"), ImageDraw.Draw(coverage)
        unit = full / DETAIL_PX
        for shape in self.shapes:
            if not len(shape.points):
                colour = colour.filter(ImageFilter.BoxBlur(0.9 * unit))
                pen = ImageDraw.Draw(colour, "RGBA")
                continue
            points = to_pixels.apply(shape.points)
            fill = ink(shape.colour, shape.alpha)
            if shape.width is not None:
                for stroke in points if points.ndim == 3 else points[None]:
                    pen.line(stroke.ravel().tolist(), fill=fill, width=max(1, round(shape.width * unit)))
                continue
            flat = points.ravel().tolist()
            pen.polygon(flat, fill=fill)
            if shape.is_solid:
                # The colour reaches past the outline, or the edge pixels would mix with what lies below.
                pen.line(flat + flat[:2], fill=fill, width=max(2, round(0.8 * unit)))
                outline_pen.polygon(flat, fill=255)
        return Sprite(
            np.asarray(colour.reduce(SUPERSAMPLE), dtype=np.float32) / 255,
            np.asarray(coverage.reduce(SUPERSAMPLE), dtype=np.float32) / 255,
        )
