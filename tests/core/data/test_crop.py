"""Random crops: drawn as torchvision draws them, and cut as Pillow cuts and resizes."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from cvp_core.data.crop import cut, draw_box


def photo(height: int, width: int, channels: int = 3) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 100 * np.sin(x / 5 + channel) * np.cos(y / (4 + channel)) for channel in range(channels)]
    noise = np.random.default_rng(0).normal(0, 8, (height, width, channels))
    return (np.stack(waves, axis=-1) + noise).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("least", [0.6, 0.25])
def test_boxes_are_distributed_as_those_of_torchvision(least: float) -> None:
    height, width = 90, 120
    crop = v2.RandomResizedCrop(24, scale=(least, 1.0))
    torch.manual_seed(0)
    params = [crop.make_params([torch.empty(3, height, width)]) for _ in range(3000)]
    theirs = np.array([[one[key] for key in ("top", "left", "height", "width")] for one in params], float)
    draws = Random(0)
    own = np.array([draw_box(height, width, least, draws) for _ in range(3000)], float)
    for boxes in (own, theirs):
        assert (boxes.min(0) >= (0, 0, 1, 1)).all()
        assert (boxes[:, 0] + boxes[:, 2] <= height).all()
        assert (boxes[:, 1] + boxes[:, 3] <= width).all()
    values = [
        (lambda b: b[:, 2] * b[:, 3]),
        (lambda b: np.log(b[:, 3] / b[:, 2])),
        (lambda b: b[:, 0]),
        (lambda b: b[:, 1]),
    ]
    for value in values:
        grid = np.sort(np.concatenate([value(own), value(theirs)]))
        ranks = [np.searchsorted(np.sort(value(boxes)), grid, side="right") / 3000 for boxes in (own, theirs)]
        assert np.abs(ranks[0] - ranks[1]).max() < 0.05  # Kolmogorov-Smirnov: a chance of 0.001 for one distribution


@pytest.mark.parametrize("shape", [(5, 1000), (1000, 5), (1, 1), (1, 300)])
def test_of_a_strip_the_middle_is_taken_as_torchvision_does(shape: tuple[int, int]) -> None:
    params = v2.RandomResizedCrop(24, scale=(0.9, 1.0)).make_params([torch.empty(3, *shape)])
    expected = tuple(params[key] for key in ("top", "left", "height", "width"))
    assert draw_box(*shape, 0.9, Random(1)) == expected


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos", "nearest"])
@pytest.mark.parametrize("channels", [3, 1])
def test_a_cut_equals_pillows_crop_and_resize_to_a_level(interpolation: str, channels: int) -> None:
    pixels = photo(75, 101, channels)
    filters = {"bilinear": 2, "bicubic": 3, "lanczos": 1, "nearest": 0}
    for top, left, height, width in ((0, 0, 75, 101), (7, 11, 60, 53), (70, 90, 4, 9)):
        part = Image.fromarray(pixels.squeeze()).crop((left, top, left + width, top + height))
        expected = np.asarray(part.resize((28, 33), Image.Resampling(filters[interpolation]))).reshape(33, 28, channels)
        found = cut(pixels, (top, left, height, width), (33, 28), interpolation)
        assert found.shape == expected.shape
        assert np.abs(found.astype(int) - expected).max() <= 1
        mirrored = cut(pixels, (top, left, height, width), (33, 28), interpolation, is_mirrored=True)
        assert np.array_equal(mirrored, found[:, ::-1])
