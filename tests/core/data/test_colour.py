"""Brightness, contrast and colour in one product: torchvision's three, in any order."""

from __future__ import annotations

from itertools import permutations
from random import Random

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional

from cvp_core.data.colour import Tinted, draw_factors, mean_grey
from cvp_core.data.normalise import Normalise
from cvp_core.spec import Preprocess

FACTORS = [(0.8, 1.2, 0.8), (1.2, 0.8, 1.2), (1.1, 1.15, 0.9), (1.0, 1.0, 1.0)]


def pictures(height: int = 36, width: int = 40) -> torch.Tensor:
    """Neither so dark nor so bright that factors from 0.8 to 1.2 would be clipped."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(80, 160, (len(FACTORS), height, width, 3), dtype=torch.uint8, generator=generator)


def tinted(pixels: torch.Tensor, factors: list[tuple[float, float, float]]) -> Tinted:
    """With the exact mean grey."""
    greys = pixels.float().mean((1, 2)) @ torch.tensor([0.299, 0.587, 0.114])
    return Tinted(pixels, torch.cat([torch.tensor(factors), greys[:, None]], dim=1))


@pytest.mark.parametrize("shape", [(36, 40), (13, 11), (1, 7), (3, 1), (224, 224)])
def test_one_product_equals_torchvisions_three_in_every_order(shape: tuple[int, int]) -> None:
    """Shapes whose pixels come in fours, in elevens, and one by one; the last in several pieces."""
    pixels = pictures(*shape)
    offset, scale = torch.tensor([120.0, 110.0, 100.0]), torch.tensor([60.0, 55.0, 50.0])
    found = tinted(pixels, FACTORS).scaled(offset, scale) * scale + offset
    adjustments = (functional.adjust_brightness, functional.adjust_contrast, functional.adjust_saturation)
    for own, given, factors in zip(found, pixels, FACTORS, strict=True):
        for order in permutations(range(3)):
            image = given.permute(2, 0, 1) / 255
            for step in order:
                image = adjustments[step](image, factors[step])
            # torchvision's weight of red is 0.2989.
            torch.testing.assert_close(255 * image.permute(1, 2, 0), own, rtol=0, atol=0.02)


def test_factors_of_nothing_give_black_one_grey_and_greys() -> None:
    black, grey, colourless, same = tinted(pictures(), [(0, 1, 1), (1, 0, 1), (1, 1, 0), (1, 1, 1)]).shown()
    assert not black.any()
    assert len(grey.unique()) == 1
    assert (colourless == colourless[..., :1]).all()
    assert torch.equal(same, pictures()[3])


def test_what_is_too_bright_or_too_dark_is_clipped_also_when_normalised() -> None:
    preprocess = Preprocess((36, 40), None)
    bright = tinted(pictures(), [(4, 1, 1)] * 4)
    assert (bright.shown() == 255).all()
    white = Normalise(preprocess, "cpu")(torch.full_like(pictures(), 255))
    torch.testing.assert_close(Normalise(preprocess, "cpu")(bright), white)
    harsh = tinted(pictures(), [(1, 10_000, 0)] * 4).shown()
    assert min((harsh == level).float().mean() for level in (0, 255)) > 0.45


def test_normalised_varied_colours_are_those_shown() -> None:
    preprocess = Preprocess((36, 40), None)
    batch = tinted(pictures(), FACTORS)
    images = Normalise(preprocess, "cpu")(batch)
    assert images.is_contiguous(memory_format=torch.channels_last)
    # Half a level of rounding, over 255 times the least deviation of ImageNet's colours.
    torch.testing.assert_close(images, Normalise(preprocess, "cpu")(batch.shown()), rtol=0, atol=0.51 / 255 / 0.224)


def test_normalising_leaves_the_number_of_threads_as_it_was() -> None:
    before = torch.get_num_threads()
    tinted(pictures(), FACTORS).shown()
    assert torch.get_num_threads() == before


def test_factors_are_drawn_evenly_around_one_and_independently() -> None:
    draws = Random(0)
    factors = np.array([draw_factors(0.2, draws) for _ in range(3000)])
    assert ((factors >= 0.8) & (factors <= 1.2)).all()
    assert factors.mean(0) == pytest.approx([1, 1, 1], abs=0.01)
    assert factors.std(0) == pytest.approx([0.4 / 12**0.5] * 3, rel=0.05)
    assert np.abs(np.corrcoef(factors.T) - np.eye(3)).max() < 0.06


def test_the_mean_grey_is_that_of_pillow_to_a_level() -> None:
    y, x = np.mgrid[0:223, 0:201]
    pixels = np.stack([x, y, 255 - x // 2], axis=-1).astype(np.uint8)
    assert mean_grey(pixels) == pytest.approx((pixels @ [0.299, 0.587, 0.114]).mean(), abs=1)
    assert mean_grey(np.full((1, 2, 3), 255, np.uint8)) == pytest.approx(255)


def test_on_another_device_a_whole_batch_is_one_product() -> None:
    """Of no numbers here ("meta"): that its shapes fit."""
    batch = Tinted(*(part.to("meta") for part in tinted(pictures(), FACTORS)))
    found = batch.scaled(torch.empty(3, device="meta"), torch.empty(3, device="meta"))
    assert (found.shape, found.dtype, found.device.type) == ((4, 36, 40, 3), torch.float32, "meta")
    assert batch.shown().shape == batch.pixels.shape
