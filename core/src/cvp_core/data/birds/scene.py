"""One picture: a bird placed in the frame, what is behind, below and before it, the light and the camera."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

from .backdrop import backdrop
from .bananaquit import bananaquit
from .bird import Bird
from .bushtit import bushtit
from .cockatoo import cockatoo
from .figure import Sprite
from .foreground import branch, cover, ground
from .light import choose_light, expose, shade
from .outline import Placement
from .skimmer import skimmer

SPECIES: dict[str, Callable[[np.random.Generator], Bird]] = {
    "Bananaquit": bananaquit,
    "Black Skimmer": skimmer,
    "Black-throated Bushtit": bushtit,
    "Cockatoo": cockatoo,
}
CLASSES: tuple[str, ...] = tuple(SPECIES)
# Share of the frame that three parts of the bird's longer side and one of its shorter take.
FILLS = (0.70, 1.0)


def paint(label: int, index: int, size: int = 128, seed: int = 0) -> Image.Image:
    """Picture `index` of class `label`, RGB, `size` pixels square; it depends on the arguments alone."""
    rng = np.random.default_rng((seed, label, index))
    bird = SPECIES[CLASSES[label]](rng)
    light = choose_light(rng)
    picture = backdrop(rng, size)
    placement, angle_deg, scale = _place(rng, bird)
    x, y = placement.apply(np.array(bird.feet))
    if bird.stance == "perched":
        perch = branch(rng, x, y, angle_deg, width=rng.uniform(0.05, 0.13) * scale + 0.02)
        _lay(picture, perch.paint(Placement(), size))
    elif bird.stance == "standing":
        _lay(picture, ground(rng, y).paint(Placement(), size))
    sprite = bird.figure.paint(placement, size)
    _lay(picture, Sprite(shade(rng, sprite, light), sprite.coverage))
    if (before := cover(rng, tuple(placement.apply(np.array(bird.face))))) is not None:
        _lay(picture, _defocused(before.paint(Placement(), size), rng.uniform(0.0, 1.6)))
    return expose(rng, picture, light)


def _place(rng: np.random.Generator, bird: Bird) -> tuple[Placement, float, float]:
    """Where the bird is in the unit square, how its perch slopes, how long its unit is."""
    side = -1.0 if rng.random() < 0.5 else 1.0
    depth = rng.uniform(0.8, 1.0)  # seen a little from the front or from behind
    pose = Placement().stretch(side * depth, 1.0).rotate(side * bird.tilt_deg)
    low, high = bird.figure.extent(pose)
    longer, shorter = max(high - low), min(high - low)
    scale = float(min(rng.uniform(*FILLS) / (0.75 * longer + 0.25 * shorter), 1.0 / longer))
    centre, room = (low + high) / 2, np.maximum(1.0 - scale * (high - low), 0.0) / 2
    x, y = 0.5 + rng.uniform(-1.0, 1.0, 2) * (room + 0.02)
    placement = pose.move(-centre[0], -centre[1]).stretch(scale, scale).move(x, y)
    return placement, side * bird.tilt_deg + rng.normal(0.0, 9.0), scale


def _lay(picture: np.ndarray, sprite: Sprite) -> None:
    """Lay a sprite over the picture, in place."""
    picture += sprite.coverage[..., None] * (sprite.colour - picture)


def _defocused(sprite: Sprite, radius: float) -> Sprite:
    """A sprite nearer than the focus; `radius` in pixels of a 128-pixel picture."""
    size = sprite.coverage.shape[0]
    blur = ImageFilter.GaussianBlur(radius * size / 128)
    soft = Image.fromarray((sprite.coverage * 255).astype(np.uint8)).filter(blur)
    return Sprite(sprite.colour, np.asarray(soft, dtype=np.float32) / 255)
