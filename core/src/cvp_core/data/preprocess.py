"""Evaluation preprocessing, written once: a picture to a normalised array, in PIL and NumPy.

Equal to torchvision.transforms.v2 on PIL images: Resize, CenterCrop, ToImage, ToDtype(float32, scale=True),
Normalize. Validation, prediction and artifacts all use these functions.
"""

from __future__ import annotations

from math import ceil

import numpy as np
from PIL import Image

from ..spec import Preprocess
from .image import open_image

__all__ = ["FILTERS", "apply", "normalise", "resize_and_crop"]

# Pillow's, by the names that Preprocess knows.
FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}

# A resized picture of more pixels (128 MiB) is never made whole: a 1x5000 strip would become 256x1280000.
_MAX_RESIZED = 1 << 25


def apply(image: Image.Image, preprocess: Preprocess) -> np.ndarray:
    """A picture as float32 (C, H, W), the input of a model; C and (H, W) are those of `preprocess`."""
    return normalise(resize_and_crop(image, preprocess), preprocess)


def resize_and_crop(image: Image.Image, preprocess: Preprocess) -> np.ndarray:
    """The picture as uint8 (H, W, C): shorter side to `preprocess.resize`, then its centre of `size`.

    With `resize` None both sides are scaled to `size`. A mode other than "RGB" (3 channels) or "L" (1) is
    converted as `open_image` does; raises what it raises.
    """
    if image.mode != ("RGB" if preprocess.channels == 3 else "L"):
        image = open_image(image, preprocess.channels)
    height, width = preprocess.size
    resample = FILTERS[preprocess.interpolation]
    if preprocess.resize is None:
        resized = image.resize((width, height), resample)
    else:
        resized = _resized_centre(image, preprocess.resize, height, width, resample)
    return np.array(resized, dtype=np.uint8).reshape(height, width, preprocess.channels)


def normalise(pixels: np.ndarray, preprocess: Preprocess) -> np.ndarray:
    """uint8 (..., H, W, C) in 0..255 to float32 (..., C, H, W): scaled to 0..1, then less mean, over std."""
    channels_first = np.moveaxis(pixels, -1, -3)
    mean = np.array(preprocess.mean, dtype=np.float32)[:, None, None]
    std = np.array(preprocess.std, dtype=np.float32)[:, None, None]
    # Three steps in torchvision's order: one fused scale and shift would differ in the last bits.
    result = np.empty(channels_first.shape, dtype=np.float32)
    np.divide(channels_first, np.float32(255), out=result)
    result -= mean
    result /= std
    return result


def _resized_centre(
    image: Image.Image, shorter: int, height: int, width: int, resample: Image.Resampling
) -> Image.Image:
    old_width, old_height = image.size
    if old_width <= old_height:
        new_width, new_height = shorter, int(shorter * old_height / old_width)
    else:
        new_width, new_height = int(shorter * old_width / old_height), shorter
    # round() goes to the even neighbour at .5, as torchvision's does.
    left, top = round((new_width - width) / 2), round((new_height - height) / 2)
    if new_width * new_height <= _MAX_RESIZED:
        if (new_width, new_height) != image.size:
            image = image.resize((new_width, new_height), resample)
        return image.crop((left, top, left + width, top + height))
    return _resized_window(image, (new_width, new_height), left, top, (width, height), resample)


def _resized_window(
    image: Image.Image,
    resized: tuple[int, int],
    left: int,
    top: int,
    size: tuple[int, int],
    resample: Image.Resampling,
) -> Image.Image:
    """`image.resize(resized).crop(...)` to a level of 255, without the whole: columns first, then rows."""
    across, down = image.width / resized[0], image.height / resized[1]
    first, last = top * down, min((top + size[1]) * down, image.height)
    reach = 3 * max(1, ceil(down)) + 1  # Lanczos, the widest filter, sees 3 pixels of the coarser grid
    above, below = max(0, int(first) - reach), min(image.height, ceil(last) + reach)
    right = min((left + size[0]) * across, image.width)
    strip = image.crop((0, above, image.width, below))
    strip = strip.resize((size[0], strip.height), resample, box=(left * across, 0, right, strip.height))
    return strip.resize(size, resample, box=(0, first - above, size[0], last - above))
