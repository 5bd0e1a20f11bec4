"""Light and camera: the strength, colour and direction of the light, and what the sensor makes of it."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from .figure import Colour, Sprite

SHADING_PX = 64  # body shading is smooth: a quarter of the pixels suffices


@dataclass(frozen=True)
class Light:
    """One kind of light. `on_bird` below 1 against brighter surroundings is a bird seen against the light."""

    tint: Colour
    relief: float  # contrast between the lit and the shaded side
    on_bird: float = 1.0
    haze: float = 0.0  # share of veiling white
    rim: float = 0.0  # glow along the outline


LIGHTS: dict[str, Light] = {
    "noon": Light((1.04, 1.02, 0.96), 0.50),
    "evening": Light((1.16, 0.94, 0.70), 0.55),
    "overcast": Light((0.93, 0.98, 1.05), 0.22),
    "forest shade": Light((0.84, 0.98, 0.80), 0.25, on_bird=0.85),
    "blue shade": Light((0.80, 0.92, 1.16), 0.28, on_bird=0.9),
    "against the light": Light((1.04, 1.0, 0.92), 0.40, on_bird=0.6, haze=0.08, rim=0.5),
    "mist": Light((1.0, 1.0, 1.0), 0.20, haze=0.22),
    "flash": Light((1.02, 1.0, 0.98), 0.30, on_bird=1.15),
}


def choose_light(rng: np.random.Generator) -> Light:
    return list(LIGHTS.values())[int(rng.integers(len(LIGHTS)))]


def shade(rng: np.random.Generator, sprite: Sprite, light: Light) -> np.ndarray:
    """Model the sprite as a rounded body lit from above on one side; returns its colour (H, W, 3)."""
    size = sprite.coverage.shape[0]
    coverage = Image.fromarray((sprite.coverage * 255).astype(np.uint8))
    small = coverage.resize((SHADING_PX, SHADING_PX), Image.Resampling.BILINEAR)
    height = np.sqrt(_floats(small.filter(ImageFilter.GaussianBlur(4)))) + 0.5 * _floats(
        small.filter(ImageFilter.GaussianBlur(1.2))
    )
    slope_y, slope_x = np.gradient(height)
    azimuth = np.deg2rad(rng.uniform(30, 150))  # the sun is somewhere above
    lit = -(slope_x * np.cos(azimuth) - slope_y * np.sin(azimuth))
    gain = 1.0 + light.relief * np.clip(lit * 6.0, -1.0, 0.7)
    inside = _floats(small.filter(ImageFilter.GaussianBlur(1.5)))
    gain = gain * light.on_bird + light.rim * np.clip(1.0 - inside, 0.0, 0.6)
    smooth = Image.fromarray(gain.astype(np.float32)).resize((size, size), Image.Resampling.BICUBIC)
    return sprite.colour * np.asarray(smooth)[..., None]


def expose(rng: np.random.Generator, picture: np.ndarray, light: Light) -> Image.Image:
    """Turn light (H, W, 3) into the 8-bit picture a modest camera would save. Works in place on `picture`."""
    size = picture.shape[0]
    balance = np.array(light.tint) * rng.normal(1.0, 0.06, 3) * np.exp(rng.normal(0.08, 0.18))
    saturation, contrast = rng.uniform(0.65, 1.15), rng.uniform(0.85, 1.15)
    centre, vignette = rng.uniform(0.35, 0.65, 2), rng.uniform(0.0, 0.5)
    picture *= balance.astype(np.float32)
    grey = ((picture[..., 0] + picture[..., 1] + picture[..., 2]) * np.float32((1 - saturation) / 3))[..., None]
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size
    fall_off = (axis[:, None] - centre[0]) ** 2 + (axis[None, :] - centre[1]) ** 2
    gain = ((1 - light.haze) * contrast * (1 - vignette * fall_off)).astype(np.float32)[..., None]
    veil = (light.haze * 0.8 - 0.45) * contrast + 0.45
    picture *= np.float32(saturation)
    picture += grey
    picture *= gain
    picture += np.float32(veil)
    np.maximum(picture, 0.0, out=picture)
    # Highlights roll off rather than clip: white plumage keeps its relief.
    shoulder = np.square(picture)
    np.square(shoulder, out=shoulder)
    shoulder += 1
    picture /= np.sqrt(np.sqrt(shoulder, out=shoulder), out=shoulder)
    picture *= 255
    noise = rng.standard_normal(picture.shape, dtype=np.float32)
    noise *= np.float32(255 * rng.uniform(0.003, 0.020))
    image = Image.fromarray(picture.astype(np.uint8))
    if (softness := rng.uniform(-0.4, 0.8)) > 0.1:
        image = image.filter(ImageFilter.GaussianBlur(softness * size / 128))
    noise += np.asarray(image)
    image = Image.fromarray(np.clip(noise, 0, 255, out=noise).astype(np.uint8))
    return _compressed(image, quality=int(rng.integers(40, 80))) if rng.random() < 0.3 else image


def _compressed(image: Image.Image, quality: int) -> Image.Image:
    """A picture that was saved too often."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as reread:
        return reread.convert("RGB")


def _floats(image: Image.Image) -> np.ndarray:
    return np.asarray(image, dtype=np.float32) / 255
