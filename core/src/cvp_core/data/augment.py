"""Training-time variation of pictures, each sample's randomness fixed by (seed, epoch, index).

A run therefore does not depend on the number of workers or on which batch a sample lands in.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import v2

from ..spec import Preprocess

__all__ = ["AUGMENTATIONS", "light", "sample_seeds", "shift"]

# none: evaluation preprocessing. light: for photographs. shift: pad, crop and flip, for small pictures.
AUGMENTATIONS = ("none", "light", "shift")

_SHIFT = 4  # pixels of padding a side, as He et al. 2015 (arXiv:1512.03385, sec. 4.2) use for CIFAR


def light(preprocess: Preprocess) -> Callable[[Image.Image], Image.Image]:
    """A random crop of at least 60% of the area, a flip, and mild changes of brightness, contrast and colour."""
    interpolation = v2.InterpolationMode(preprocess.interpolation)
    steps: list[torch.nn.Module] = [
        v2.RandomResizedCrop(preprocess.size, scale=(0.6, 1.0), interpolation=interpolation),
        v2.RandomHorizontalFlip(),
    ]
    if preprocess.channels == 3:
        steps.append(v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2))
    return v2.Compose(steps)


def sample_seeds(seed: int, epoch: int, indices: np.ndarray) -> np.ndarray:
    """A well mixed uint64 for each (seed, epoch, index) (splitmix64's finaliser)."""
    with np.errstate(over="ignore"):
        state = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(epoch) * np.uint64(0xD1B54A32D192ED03)
        mixed = indices.astype(np.uint64) * np.uint64(0xBF58476D1CE4E5B9) + state + np.uint64(1)
        for shift_by, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> np.uint64(shift_by))) * np.uint64(factor)
        return mixed ^ (mixed >> np.uint64(31))


def shift(pixels: Tensor, seeds: np.ndarray) -> Tensor:
    """Each picture of a uint8 batch (N, H, W, C) moved by up to 4 pixels and flipped in one case of two."""
    count, height, width, _ = pixels.shape
    choices = seeds % np.uint64((2 * _SHIFT + 1) ** 2)
    top = torch.from_numpy((choices // np.uint64(2 * _SHIFT + 1)).astype(np.int64))
    left = torch.from_numpy((choices % np.uint64(2 * _SHIFT + 1)).astype(np.int64))
    flipped = torch.from_numpy((seeds >> np.uint64(63)).astype(bool))
    padded = functional.pad(pixels, (0, 0, _SHIFT, _SHIFT, _SHIFT, _SHIFT))
    rows = top[:, None] + torch.arange(height)
    columns = torch.arange(width).expand(count, width)
    columns = left[:, None] + torch.where(flipped[:, None], width - 1 - columns, columns)
    return padded[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
