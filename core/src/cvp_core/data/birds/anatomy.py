"""What all birds share: eyes, legs, folded and spread wings, the grain of plumage."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .figure import Colour, Figure, mix, scaled
from .outline import Knots, Placement, Points, oval, ribbon, spline

BLACK: Colour = (0.04, 0.04, 0.05)
WHITE: Colour = (0.97, 0.97, 0.96)


def eye(figure: Figure, x: float, y: float, radius: float, iris: Colour, ring: Colour | None = None) -> None:
    """An eye with its pupil and the catch light that makes it look alive."""
    if ring is not None:
        figure.mark(oval(x, y, radius * 1.45), ring)
    figure.mark(oval(x, y, radius), iris)
    figure.mark(oval(x, y, radius * 0.62), BLACK)
    figure.mark(oval(x + radius * 0.3, y - radius * 0.4, radius * 0.32), WHITE)


def leg(figure: Figure, hip: tuple[float, float], foot: tuple[float, float], width: float, colour: Colour) -> None:
    """A tarsus and four toes that close on whatever `foot` stands on."""
    knee = ((hip[0] + foot[0]) / 2 - width * 0.8, (hip[1] + foot[1]) / 2)
    figure.part(ribbon([hip, knee, foot], [width * 1.3, width, width * 1.1]), colour)
    for reach, drop in ((3.2, 0.9), (2.2, 1.6), (1.1, 1.9), (-2.2, 0.8)):
        toe = (foot[0] + reach * width, foot[1] + drop * width * 0.5)
        middle = (foot[0] + reach * width * 0.6, foot[1] - width * 0.1)
        figure.part(ribbon([foot, middle, toe], [width, width * 0.9, width * 0.3], steps=2), colour)


def plumage(
    figure: Figure, rng: np.random.Generator, region: Points, colour: Colour, length: float, angle_deg: float
) -> None:
    """Short barbs scattered over the box of `region`, in `colour`: the grain of small feathers."""
    low, high = region.min(axis=0), region.max(axis=0)
    start = rng.uniform(low, high, size=(36, 2))
    angle = np.deg2rad(rng.normal(angle_deg, 14.0, size=36))
    step = length * rng.uniform(0.6, 1.4, size=(36, 1)) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    figure.strokes(np.stack([start, start + step], axis=1), colour, 1.0, 0.3)


def folded_wing(
    figure: Figure, knots: Knots, base: Colour, edge: Colour, feathers: int = 6, shadow: float = 0.35
) -> None:
    """A closed wing; `knots` run from the shoulder along the upper edge to the tip and back along the lower.

    Long feathers are drawn as pale edges fanning from the wrist to the tip; a soft shadow lifts the wing.
    """
    outline = spline(knots)
    centre = outline.mean(axis=0)
    figure.mark(Placement().move(0.0, 0.035).apply(centre + (outline - centre) * 1.05), BLACK, shadow)
    figure.part(outline, base)
    shoulder, tip = outline[0], outline[np.argmax(((outline - outline[0]) ** 2).sum(axis=1))]
    along = tip - shoulder
    across = np.array([-along[1], along[0]]) * np.sign(-along[0] or 1.0)
    half = len(outline) // 2
    upper, lower = outline[half // 3], outline[-half // 3]
    for share in np.linspace(0.12, 0.95, feathers):
        start = upper + (lower - upper) * share
        bend = start + (tip - start) * 0.5 + (lower - upper) * 0.16 * (share - 0.2)
        figure.strokes(spline([start, bend, tip], is_closed=False), edge, 1.0, 0.75)
    middle = (upper + lower) / 2
    scallop = spline([(0.0, -0.5), (1.0, 0.0), (0.0, 0.5)], is_closed=False, steps=3) * 0.1
    scallop = scallop[:, :1] * along + scallop[:, 1:] * across
    for row in (-0.16, -0.02):  # tips of the coverts
        for place in (-0.11, 0.0, 0.11):
            figure.strokes(middle + along * row + across * place + scallop, edge, 1.0, 0.6)


def spread_wing(
    figure: Figure,
    root: tuple[float, float],
    angle_deg: float,
    span: float,
    chord: float,
    coverts: Colour,
    flight: Colour,
    trailing: Colour | None = None,
    pointed: float = 0.5,
) -> None:
    """An open wing from `root`, at `angle_deg` (-90 straight up), leading edge forward.

    `pointed` 0 gives the broad wing of a parrot, 1 the blade of a skimmer; `trailing` edges the secondaries.
    """
    angle = np.deg2rad(angle_deg)
    out = np.array([np.cos(angle), np.sin(angle)])
    back = np.array([-1.0, 0.0]) * 0.85 + out * 0.25

    def at(u: np.ndarray | float, v: np.ndarray | float) -> Points:
        """`u` 0 to 1 along the span, `v` 0 to 1 across the chord."""
        u, v = np.asarray(u, dtype=float), np.asarray(v, dtype=float)
        bulge = 0.16 * np.sin(np.pi * np.minimum(u * 1.1, 1.0)) - 0.30 * u**2 * (0.6 + pointed)
        width = chord * (1 - (0.25 + 0.60 * pointed) * u**1.6) * np.sqrt(1.02 - u**5)
        return (
            np.array(root)
            + out * (span * u)[..., None]
            - back * (bulge * span * 0.8)[..., None]
            + back * (width * v)[..., None]
        )

    u = np.linspace(0.0, 1.0, 14)
    notch = 1.0 + 0.05 * np.where(np.arange(14) % 2, 1.0, -1.0) * (1.2 - pointed) + 0.15 * (1 - pointed) * (u > 0.55)
    figure.part(np.concatenate([at(u, np.zeros(14)), at(u[::-1], notch[::-1])]), flight)
    inner = np.linspace(0.0, 0.62, 8)
    cover = np.concatenate([at(inner, np.full(8, 0.02)), at(0.92, 0.12)[None], at(inner[::-1], np.full(8, 0.5))])
    figure.mark(cover, coverts)
    if trailing is not None:
        figure.mark(np.concatenate([at(inner, np.full(8, 0.84)), at(inner[::-1], np.full(8, 1.2))]), trailing)
    quills = np.linspace(0.06, 0.94, 13)
    lines = np.stack([at(quills - 0.02, np.full(13, 0.5)), at(quills, np.full(13, 1.0))], axis=1)
    figure.strokes(lines, mix(scaled(flight, 0.6), BLACK, 0.25), 1.0, 0.55)
    figure.strokes(at(u, np.full(14, 0.05)), scaled(coverts, 0.75), 1.0, 0.5)


def tail(figure: Figure, knots: Knots, widths: Sequence[float], colour: Colour, edge: Colour) -> None:
    """A tail as a ribbon from the rump with the shafts of a few feathers."""
    figure.part(ribbon(knots, widths), colour)
    spine = spline(knots, is_closed=False, steps=4)
    for side in (-0.28, 0.0, 0.28):
        shaft = Placement().move(side * widths[-1], side * widths[-1] * 0.6).apply(spine)
        figure.strokes(shaft, edge, 1.0, 0.6)
