"""Training-time variation of pictures, each sample's randomness fixed by (seed, epoch, index).

A run therefore does not depend on the number of workers or on which batch a sample lands in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import sqrt

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import v2

from ..errors import ConfigError
from ..spec import Preprocess
from .presets import AUGMENTATIONS

__all__ = [
    "AUGMENTATIONS",
    "erase",
    "light",
    "make_transform",
    "own_randomness",
    "sample_seeds",
    "shift",
    "smallest_crop",
]

# By preset, the least share of a picture's area that a random crop keeps; those that bend the picture besides crop less
# than the 0.08 of ImageNet from scratch, because cvp's data sets are small and mostly fine-tuned on.
_LEAST_AREA = {"light": 0.6, "medium": 0.35, "strong": 0.25, "randaugment": 0.35, "trivialaugment": 0.35}
_LEAST_ASPECT = 3 / 4  # RandomResizedCrop's own

_SHIFT = 4  # pixels of padding a side, as He et al. 2015 (arXiv:1512.03385, sec. 4.2) use for CIFAR

# Random erasing as in the paper's table 1 (arXiv:1708.04896): shares of the area, and least height over width.
_ERASED_AREA = (0.02, 0.4)
_ERASED_ASPECT = 0.3
_ATTEMPTS = 16


def make_transform(name: str, preprocess: Preprocess) -> Callable[[Image.Image], Image.Image] | None:
    """A PIL picture ("RGB" or "L") to one of `preprocess.size`, varied as the preset says; None for none and shift.

    medium: wider crops, small turns, hue. strong: also any turn to 45 degrees, upside down, perspective, blur and grey.
    randaugment (arXiv:1909.13719, N=2, M=9) and trivialaugment (arXiv:2103.10158, "wide") follow a crop and a flip.
    What a turn uncovers takes the mean colour. Raises ConfigError for another name.
    """
    if name not in AUGMENTATIONS:
        raise ConfigError(f"augment '{name}' is not one of {', '.join(AUGMENTATIONS)}")
    if name in ("none", "shift"):
        return None
    if name == "light":
        return light(preprocess)
    fill = [round(255 * value) for value in preprocess.mean]
    turned = {"interpolation": v2.InterpolationMode.BILINEAR, "fill": fill}
    steps = [*_crop_and_flip(name, preprocess)]
    if name == "medium":
        steps += [v2.RandomRotation(15, **turned), _jitter(0.3, hue=0.05)]
    elif name == "strong":
        steps += [
            v2.RandomVerticalFlip(0.2),
            v2.RandomPerspective(0.3, p=0.3, **turned),
            v2.RandomRotation(45, **turned),
            _jitter(0.4, hue=0.1),
            v2.RandomApply([v2.GaussianBlur(5, sigma=(0.1, 2.0))], p=0.2),
        ]
        if preprocess.channels == 3:
            steps.append(v2.RandomGrayscale(0.1))
    elif name == "randaugment":
        steps.append(v2.RandAugment(num_ops=2, magnitude=9, **turned))
    else:
        steps.append(v2.TrivialAugmentWide(**turned))
    return v2.Compose(steps)


def light(preprocess: Preprocess) -> Callable[[Image.Image], Image.Image]:
    """A random crop of at least 60% of the area, a flip, and mild changes of brightness, contrast and colour."""
    steps = _crop_and_flip("light", preprocess)
    if preprocess.channels == 3:
        steps.append(v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2))
    return v2.Compose(steps)


def smallest_crop(name: str) -> float:
    """The least share of a picture's shorter side that a preset's random crop keeps on its own shorter side."""
    return sqrt(_LEAST_AREA[name] * _LEAST_ASPECT)


def _crop_and_flip(name: str, preprocess: Preprocess) -> list[torch.nn.Module]:
    interpolation = v2.InterpolationMode(preprocess.interpolation)
    crop = v2.RandomResizedCrop(preprocess.size, scale=(_LEAST_AREA[name], 1.0), interpolation=interpolation)
    return [crop, v2.RandomHorizontalFlip()]


def _jitter(amount: float, hue: float) -> torch.nn.Module:
    """Of a grey picture only brightness and contrast change."""
    return v2.ColorJitter(brightness=amount, contrast=amount, saturation=amount, hue=hue)


@contextmanager
def own_randomness() -> Iterator[Callable[[np.uint64], object]]:
    """Gives a function that seeds what v2 draws from; the global generator is afterwards what it was before.

    The draws are those after torch.manual_seed, which would also record a stack trace for each idle accelerator.
    """
    generator = torch.default_generator
    state = generator.get_state()
    try:
        yield lambda seed: generator.manual_seed(int(seed >> np.uint64(1)))
    finally:
        generator.set_state(state)


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


def erase(pixels: Tensor, seeds: np.ndarray, probability: float) -> Tensor:
    """Random erasing (arXiv:1708.04896): with `probability`, a rectangle of a picture becomes random pixels.

    pixels: uint8 (N, H, W, C), changed in place and returned. seeds: one for each picture.
    """
    _, height, width, channels = pixels.shape
    # An odd factor makes the chance another number than the bits of the seed that `shift` reads.
    chances = (seeds * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(11)).astype(np.float64) / 2**53
    for index in np.flatnonzero(chances < probability):
        generator = np.random.default_rng(int(seeds[index]))
        area = generator.uniform(*_ERASED_AREA, _ATTEMPTS) * height * width
        aspect = generator.uniform(_ERASED_ASPECT, 1 / _ERASED_ASPECT, _ATTEMPTS)
        down, across = np.rint(np.sqrt(area * aspect)).astype(int), np.rint(np.sqrt(area / aspect)).astype(int)
        fitting = np.flatnonzero((down <= height) & (across <= width))
        if not len(fitting):  # a strip that is much longer than high
            continue
        rows, columns = int(down[fitting[0]]), int(across[fitting[0]])
        top, left = generator.integers(height - rows + 1), generator.integers(width - columns + 1)
        patch = generator.integers(0, 256, (rows, columns, channels), np.uint8)
        pixels[index, top : top + rows, left : left + columns] = torch.from_numpy(patch)
    return pixels
