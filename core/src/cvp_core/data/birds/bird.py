"""What a species hands to the scene: its figure, and how it holds itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from .figure import Colour, Figure
from .outline import Placement

Stance = Literal["perched", "standing", "flying"]


@dataclass(frozen=True)
class Bird:
    """A bird that faces right in units of its own body; the scene mirrors, tilts and scales it."""

    figure: Figure
    stance: Stance
    tilt_deg: float = 0.0  # positive: bill down
    face: tuple[float, float] = (0.4, -0.3)  # where it is told from others: keep this in view
    feet: tuple[float, float] = (0.0, 0.0)  # where it grips or stands


def worn(rng: np.random.Generator, colour: Colour, spread: float = 0.06) -> Colour:
    """`colour` as this individual wears it: age, moult and fading move every channel a little."""
    shade = rng.normal(0.0, spread)
    r, g, b = (float(np.clip(channel + shade + rng.normal(0.0, spread / 2), 0.0, 1.0)) for channel in colour)
    return r, g, b


def one_of(rng: np.random.Generator, colours: tuple[Colour, ...]) -> Colour:
    """One plumage of several, blended a little towards another, so that no two are alike."""
    first, second = rng.integers(len(colours), size=2)
    share = rng.uniform(0.0, 0.35)
    r, g, b = (float(p + (q - p) * share) for p, q in zip(colours[first], colours[second], strict=True))
    return worn(rng, (r, g, b), 0.03)


def head_placement(rng: np.random.Generator, neck: tuple[float, float], looks_back: float) -> Placement:
    """The head nods and turns about the neck; with probability `looks_back` it looks over its shoulder."""
    placement = Placement()
    if rng.random() < looks_back:
        placement = placement.stretch(-1.0, 1.0, about=neck)
    return placement.rotate(rng.normal(0.0, 9.0), about=neck)
