"""Random crops of arrays: where they lie is drawn as torchvision does, and one pass cuts, resizes and mirrors."""

from __future__ import annotations

from math import exp, log, sqrt
from random import Random

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from .preprocess import FILTERS

__all__ = ["LEAST_ASPECT", "Box", "cut", "draw_box"]

Box = tuple[int, int, int, int]  # top, left, height, width

LEAST_ASPECT = 3 / 4  # of a crop's width over its height; the most is 4/3
_ATTEMPTS = 10

# Of torch's kernels for uint8 those that equal Pillow's to a level of 255, in a third of the time.
_KERNELS = ("bilinear", "bicubic")


def draw_box(height: int, width: int, least_area: float, draws: Random) -> Box:
    """Where a random crop lies: a share of at least `least_area`, as RandomResizedCrop draws it (arXiv:1409.4842)."""
    for _ in range(_ATTEMPTS):
        area = height * width * draws.uniform(least_area, 1)
        aspect = exp(draws.uniform(log(LEAST_ASPECT), -log(LEAST_ASPECT)))
        across, down = round(sqrt(area * aspect)), round(sqrt(area / aspect))
        if 0 < across <= width and 0 < down <= height:
            return draws.randint(0, height - down), draws.randint(0, width - across), down, across
    # A strip: its middle, as near to its own aspect as is allowed.
    across = min(width, round(height / LEAST_ASPECT))
    down = min(height, round(width / LEAST_ASPECT))
    return (height - down) // 2, (width - across) // 2, down, across


def cut(
    pixels: np.ndarray, box: Box, size: tuple[int, int], interpolation: str, *, is_mirrored: bool = False
) -> np.ndarray:
    """The part `box` of uint8 (H, W, C) with C 1 or 3, at `size`, antialiased; mirrored left to right if asked.

    interpolation: as Preprocess names it.
    """
    top, left, height, width = box
    part = np.ascontiguousarray(pixels[top : top + height, left : left + width])
    if interpolation in _KERNELS:
        planes = torch.from_numpy(part)[None].permute(0, 3, 1, 2)  # (1, C, H, W), channels_last
        resized = functional.interpolate(planes, size, mode=interpolation, antialias=True).permute(0, 2, 3, 1)[0]
    else:
        image = Image.fromarray(part if part.shape[2] == 3 else part[..., 0])
        image = image.resize((size[1], size[0]), FILTERS[interpolation])
        resized = torch.from_numpy(np.array(image).reshape(*size, -1))
    return (resized.flip(1) if is_mirrored else resized).numpy()
