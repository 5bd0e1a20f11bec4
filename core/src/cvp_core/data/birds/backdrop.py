"""Backgrounds, any of them behind any species: foliage, sky, water, sand, bark, blurred lights.

Each painter returns light (size, size, 3) in [0, 1]. Palettes deliberately include the birds' own colours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .figure import Colour, ink, mix
from .outline import Placement, oval, ribbon

Rng = np.random.Generator

LEAVES: tuple[Colour, ...] = (
    (0.20, 0.36, 0.14), (0.40, 0.52, 0.20), (0.10, 0.20, 0.10), (0.62, 0.60, 0.24), (0.55, 0.32, 0.14),
    (0.70, 0.62, 0.20),
)  # fmt: skip
SKIES: tuple[Colour, ...] = (
    (0.42, 0.62, 0.86), (0.78, 0.84, 0.90), (0.93, 0.93, 0.92), (0.90, 0.72, 0.52), (0.50, 0.54, 0.60),
    (0.26, 0.40, 0.64),
)  # fmt: skip
WATERS: tuple[Colour, ...] = (
    (0.24, 0.38, 0.46), (0.42, 0.52, 0.54), (0.16, 0.22, 0.26), (0.62, 0.62, 0.56), (0.58, 0.42, 0.28),
    (0.30, 0.42, 0.30),
)  # fmt: skip
EARTHS: tuple[Colour, ...] = (
    (0.80, 0.72, 0.56), (0.62, 0.52, 0.38), (0.90, 0.86, 0.78), (0.48, 0.42, 0.36), (0.70, 0.44, 0.24),
    (0.30, 0.26, 0.22),
)  # fmt: skip
GLOWS: tuple[Colour, ...] = (
    (0.90, 0.80, 0.20), (0.76, 0.38, 0.16), (0.92, 0.92, 0.90), (0.08, 0.08, 0.09), (0.55, 0.57, 0.60),
    (0.86, 0.32, 0.14), (0.30, 0.50, 0.20), (0.66, 0.50, 0.68),
)  # fmt: skip


def backdrop(rng: Rng, size: int) -> np.ndarray:
    """One background, chosen without regard to the bird that will stand before it."""
    painters: tuple[Callable[[Rng, int], np.ndarray], ...] = (foliage, sky, water, sand, bark, glow)
    return painters[int(rng.integers(len(painters)))](rng, size)


def two(rng: Rng, palette: tuple[Colour, ...]) -> tuple[Colour, Colour]:
    """Two colours of a palette, each as this day shows it."""
    chosen = np.array(palette)[rng.integers(len(palette), size=2)]
    a, b = np.clip(chosen * rng.normal(1.0, 0.12, (2, 1)) + rng.normal(0.0, 0.03, (2, 3)), 0.0, 1.0).tolist()
    return (a[0], a[1], a[2]), (b[0], b[1], b[2])


def clouds(rng: Rng, size: int, rows: int, columns: int) -> np.ndarray:
    """Smooth noise (size, size) in [0, 1] with about rows x columns bumps and two finer octaves."""
    total = np.zeros((size, size), dtype=np.float32)
    for octave, weight in ((1, 0.55), (2, 0.3), (4, 0.15)):
        grid = rng.random((rows * octave + 1, columns * octave + 1), dtype=np.float32)
        total += np.float32(weight) * np.asarray(Image.fromarray(grid).resize((size, size), Image.Resampling.BICUBIC))
    return np.clip((total - 0.5) * 1.6 + 0.5, 0.0, 1.0)


def blend(share: np.ndarray, low: Colour, high: Colour) -> np.ndarray:
    """`low` where `share` is 0, `high` where it is 1."""
    base, top = np.array(low, dtype=np.float32), np.array(high, dtype=np.float32)
    return base + share[..., None].astype(np.float32) * (top - base)


def foliage(rng: Rng, size: int) -> np.ndarray:
    dark, light = two(rng, LEAVES)
    image = _to_image(blend(clouds(rng, size, 4, 4), dark, light))
    pen = ImageDraw.Draw(image, "RGBA")
    for _ in range(int(rng.integers(10, 34))):
        x, y, angle = rng.uniform(0, 1), rng.uniform(0, 1), rng.uniform(0, 360)
        long, wide = rng.uniform(0.06, 0.2), rng.uniform(0.03, 0.07)
        leaf = ribbon([(-long, 0.0), (0.0, wide * 0.3), (long, 0.0)], [0.0, wide * 2, 0.0], steps=3)
        points = Placement().rotate(angle).move(x, y).stretch(size, size).apply(leaf)
        colour = mix(mix(dark, light, rng.uniform(-0.2, 1.3)), (1.0, 1.0, 0.9), rng.uniform(0.0, 0.25))
        pen.polygon(points.ravel().tolist(), fill=ink(colour, rng.uniform(0.4, 0.9)))
    return _blurred(image, rng.uniform(0.8, 5.0))


def sky(rng: Rng, size: int) -> np.ndarray:
    high, low = two(rng, SKIES)
    ramp = np.linspace(0.0, 1.0, size, dtype=np.float32)[:, None] * np.ones((1, size), dtype=np.float32)
    picture = blend(ramp, high, low)
    cover = clouds(rng, size, 3, 2) ** 2 * rng.uniform(0.0, 0.8)
    return picture + cover[..., None] * (np.float32(0.95) - picture)


def water(rng: Rng, size: int) -> np.ndarray:
    dark, light = two(rng, WATERS)
    ripples = clouds(rng, size, int(rng.integers(10, 22)), int(rng.integers(1, 4)))
    picture = blend(ripples, dark, light)
    glints = np.clip((clouds(rng, size, 28, 7) - rng.uniform(0.70, 0.88)) * 8, 0.0, 1.0) * np.float32(
        rng.uniform(0.1, 0.5)
    )
    return _with_horizon(rng, picture + glints[..., None] * (1 - picture), 0.5)


def sand(rng: Rng, size: int) -> np.ndarray:
    dark, light = two(rng, EARTHS)
    grain = 0.6 * clouds(rng, size, 6, 3) + 0.4 * clouds(rng, size, 24, 20)
    return _with_horizon(rng, blend(grain, dark, light), 0.4)


def bark(rng: Rng, size: int) -> np.ndarray:
    dark, light = two(rng, EARTHS)
    ridges = clouds(rng, size, int(rng.integers(1, 4)), int(rng.integers(8, 16)))
    distance = np.abs(clouds(rng, size, 2, 9) - 0.5)
    cracks = 1.0 - np.float32(0.5) * np.clip(1.4 - 16 * distance, 0.0, 1.0)
    return blend(ridges, dark, light) * cracks[..., None]


def glow(rng: Rng, size: int) -> np.ndarray:
    """A background far out of focus, with discs of light."""
    dark, light = two(rng, GLOWS)
    image = _to_image(blend(clouds(rng, size, 2, 2), dark, light))
    pen = ImageDraw.Draw(image, "RGBA")
    for _ in range(int(rng.integers(3, 16))):
        x, y = rng.uniform(0, size, 2)
        disc = oval(x, y, rng.uniform(0.03, 0.13) * size)
        pen.polygon(disc.ravel().tolist(), fill=ink(two(rng, GLOWS)[0], rng.uniform(0.15, 0.6)))
    return _blurred(image, rng.uniform(1.0, 4.0))


def _with_horizon(rng: Rng, ground: np.ndarray, likely: float) -> np.ndarray:
    """Sometimes the plane ends at a distant shore, forest or sky."""
    if rng.random() > likely:
        return ground
    size = ground.shape[0]
    line = int(size * rng.uniform(0.1, 0.5))
    far = sky(rng, size) if rng.random() < 0.6 else blend(clouds(rng, size, 6, 6), *two(rng, LEAVES))
    share = np.clip((np.arange(size, dtype=np.float32) - line) / (0.03 * size) + 0.5, 0, 1)[:, None, None]
    return far * (1 - share) + ground * share


def _to_image(picture: np.ndarray) -> Image.Image:
    return Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))


def _blurred(image: Image.Image, radius: float) -> np.ndarray:
    """Blur by `radius` pixels of a 128-pixel picture."""
    blurred = image.filter(ImageFilter.BoxBlur(radius * image.width / 128))
    return np.asarray(blurred, dtype=np.float32) / 255
