"""Training-time variation of pictures, each sample's randomness fixed by (seed, epoch, index).

A run therefore does not depend on the number of workers or on which batch a sample lands in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import sqrt
from random import Random

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import v2

from ..errors import ConfigError
from ..spec import Preprocess
from .colour import draw_factors, mean_grey
from .crop import LEAST_ASPECT, cut, draw_box
from .presets import AUGMENTATIONS

__all__ = [
    "AUGMENTATIONS",
    "Transform",
    "erase",
    "make_transform",
    "own_randomness",
    "sample_seeds",
    "shift",
    "smallest_crop",
]

# By preset, the least share of a picture's area that a random crop keeps; those that bend the picture besides crop less
# than the 0.08 of ImageNet from scratch, because cvp's data sets are small and mostly fine-tuned on.
_LEAST_AREA = {"light": 0.6, "medium": 0.35, "strong": 0.25, "randaugment": 0.35, "trivialaugment": 0.35}
_TINT = 0.2  # of light

_SHIFT = 4  # pixels of padding a side, as He et al. 2015 (arXiv:1512.03385, sec. 4.2) use for CIFAR

# Random erasing as in the paper's table 1 (arXiv:1708.04896): shares of the area, and least height over width.
_ERASED_AREA = (0.02, 0.4)
_ERASED_ASPECT = 0.3
_ATTEMPTS = 16


def make_transform(name: str, preprocess: Preprocess) -> Transform | None:
    """What varies one picture as the preset says.

    light: a crop of at least 60% of the area, mirrored or not, brightness, contrast and colour changed by up to 20%.
    medium: wider crops, small turns, hue. strong: also any turn to 45 degrees, upside down, perspective, blur and grey.
    randaugment (arXiv:1909.13719, N=2, M=9) and trivialaugment (arXiv:2103.10158, "wide") follow a crop and a flip.
    What a turn uncovers takes the mean colour. None for none and shift. Raises ConfigError for another name.
    """
    if name not in AUGMENTATIONS:
        raise ConfigError(f"augment '{name}' is not one of {', '.join(AUGMENTATIONS)}")
    if name in ("none", "shift"):
        return None
    return Transform(name, preprocess)


class Transform:
    """A random crop, mirrored in one case of two, and then what the preset does besides.

    tint: the most that brightness, contrast and saturation change where nothing else does; 0 if they do not.
    steps: torchvision's, of a PIL picture. They draw from torch's generator, which is seeded anew for each picture.
    """

    def __init__(self, name: str, preprocess: Preprocess) -> None:
        self.preprocess, self.least_area = preprocess, _LEAST_AREA[name]
        self.tint = _TINT if name == "light" and preprocess.channels == 3 else 0.0
        self.steps = tuple(_steps(name, preprocess))

    def __call__(self, pixels: np.ndarray, seed: np.uint64) -> tuple[np.ndarray, tuple[float, ...] | None]:
        """uint8 (H, W, C) of any size to uint8 of `preprocess.size`, and factors for Tinted where there is a tint."""
        draws = Random(int(seed))
        box = draw_box(pixels.shape[0], pixels.shape[1], self.least_area, draws)
        is_mirrored = draws.random() < 0.5
        varied = cut(pixels, box, self.preprocess.size, self.preprocess.interpolation, is_mirrored=is_mirrored)
        if self.tint:
            return varied, (*draw_factors(self.tint, draws), mean_grey(varied))
        if self.steps:
            torch.default_generator.manual_seed(int(seed >> np.uint64(1)))
            image = Image.fromarray(varied if varied.shape[2] == 3 else varied[..., 0])
            for step in self.steps:
                image = step(image)
            varied = np.array(image).reshape(varied.shape)
        return varied, None


def _steps(name: str, preprocess: Preprocess) -> list[torch.nn.Module]:
    fill = [round(255 * value) for value in preprocess.mean]
    turned = {"interpolation": v2.InterpolationMode.BILINEAR, "fill": fill}
    if name == "light":
        return []
    if name == "medium":
        return [v2.RandomRotation(15, **turned), _jitter(0.3, hue=0.05)]
    if name == "randaugment":
        return [v2.RandAugment(num_ops=2, magnitude=9, **turned)]
    if name == "trivialaugment":
        return [v2.TrivialAugmentWide(**turned)]
    steps = [
        v2.RandomVerticalFlip(0.2),
        v2.RandomPerspective(0.3, p=0.3, **turned),
        v2.RandomRotation(45, **turned),
        _jitter(0.4, hue=0.1),
        v2.RandomApply([v2.GaussianBlur(5, sigma=(0.1, 2.0))], p=0.2),
    ]
    return [*steps, v2.RandomGrayscale(0.1)] if preprocess.channels == 3 else steps


def smallest_crop(name: str) -> float:
    """The least share of a picture's shorter side that a preset's random crop keeps on its own shorter side."""
    return sqrt(_LEAST_AREA[name] * LEAST_ASPECT)


def _jitter(amount: float, hue: float) -> torch.nn.Module:
    """Of a grey picture only brightness and contrast change."""
    return v2.ColorJitter(brightness=amount, contrast=amount, saturation=amount, hue=hue)


@contextmanager
def own_randomness() -> Iterator[None]:
    """What is drawn within leaves torch's global generator as it was."""
    generator = torch.default_generator
    state = generator.get_state()
    try:
        yield
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
