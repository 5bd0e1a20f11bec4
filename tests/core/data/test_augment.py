"""Training-time variation: what presets do to pictures, beside torchvision and the papers, and that it repeats."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from cvp_core.data.augment import (
    AUGMENTATIONS,
    Transform,
    erase,
    make_transform,
    own_randomness,
    sample_seeds,
    smallest_crop,
)
from cvp_core.data.colour import Tinted
from cvp_core.data.crop import draw_box
from cvp_core.errors import ConfigError
from cvp_core.spec import Preprocess

VARIED = [name for name in AUGMENTATIONS if name not in ("none", "shift")]
COLOUR = Preprocess((24, 20), 32)
GREY = Preprocess((24, 20), 32, mean=(0.5,), std=(0.5,))


def photo(mode: str = "RGB", width: int = 48, height: int = 36) -> Image.Image:
    """Smooth colours, whose hue and place tell what was done to them."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 5, y * 6, 255 - x * 2 - y * 2], axis=-1).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


def varied(name: str, preprocess: Preprocess, seed: int) -> np.ndarray:
    transform = make_transform(name, preprocess)
    assert transform is not None
    pixels = np.array(photo("RGB" if preprocess.channels == 3 else "L")).reshape(36, 48, -1)
    with own_randomness():
        seen, factors = transform(pixels, np.uint64(seed << 1))
    return seen if factors is None else Tinted(torch.from_numpy(seen)[None], torch.tensor([factors])).shown()[0].numpy()


@pytest.mark.parametrize("name", VARIED)
def test_a_preset_gives_pictures_of_the_right_size_that_repeat_by_seed_and_differ_between_seeds(name: str) -> None:
    for preprocess, shape in ((COLOUR, (24, 20, 3)), (GREY, (24, 20, 1))):
        pictures = [varied(name, preprocess, seed) for seed in range(40)]
        assert {picture.shape for picture in pictures} == {shape}
        assert all(np.array_equal(one, varied(name, preprocess, seed)) for seed, one in enumerate(pictures[:5]))
        # TrivialAugment moves a picture by up to 32 pixels: one as small as these may be out of sight.
        assert len({picture.tobytes() for picture in pictures}) >= (30 if name == "trivialaugment" else 40)


def test_light_is_a_crop_a_flip_and_mild_colours_as_torchvision_varies_them() -> None:
    """Over many pictures: how bright, how colourful, how wide a part and how often mirrored."""
    torch.manual_seed(0)
    theirs = v2.Compose(
        [
            v2.RandomResizedCrop((24, 20), scale=(0.6, 1.0), interpolation=v2.InterpolationMode.BILINEAR),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=0.2, contrast=0.2, saturation=0.2),
        ]
    )
    facts = []
    for pictures in ([varied("light", COLOUR, seed) for seed in range(800)], [theirs(photo()) for _ in range(800)]):
        pixels = np.stack([np.asarray(picture) for picture in pictures]).astype(float)
        across = pixels[:, :, -1, 0] - pixels[:, :, 0, 0]  # red grows to the right, by 5 a pixel
        facts.append(
            {
                "bright": pixels.mean((1, 2, 3)),
                "contrast": pixels.std((1, 2)).mean(1),
                "colourful": np.ptp(pixels, axis=3).mean((1, 2)),
                "width": np.abs(across.mean(1)),
                "mirrored": (across.mean(1) < 0).astype(float),
            }
        )
    for key, own in facts[0].items():
        error = 4 * own.std() / 800**0.5 + 0.3  # both samples' errors, and a level's rounding
        assert own.mean() == pytest.approx(facts[1][key].mean(), abs=error), key
        assert own.std() == pytest.approx(facts[1][key].std(), rel=0.15), key


def test_no_random_crop_is_smaller_than_a_preset_says() -> None:
    for name in VARIED:
        transform = make_transform(name, COLOUR)
        assert isinstance(transform, Transform)
        draws = Random(0)
        sides = [min(draw_box(36, 48, transform.least_area, draws)[2:]) for _ in range(300)]
        assert min(sides) >= smallest_crop(name) * 36 - 1


def test_strong_and_medium_change_colours_and_turn_where_light_does_neither() -> None:
    """Hue tells colour, and corners of the fill colour tell a turn: the mean, 124, 116, 104 of 255 for ImageNet's."""

    def turned(name: str) -> int:
        corners = (tuple(varied(name, COLOUR, seed)[0, 0]) for seed in range(60))
        return sum(max(abs(int(a) - b) for a, b in zip(corner, (124, 116, 104), strict=True)) < 2 for corner in corners)

    steps = {name: {type(step).__name__ for step in make_transform(name, COLOUR).steps} for name in VARIED}
    assert "RandomRotation" in steps["medium"]
    assert steps["strong"] >= {"RandomRotation", "RandomPerspective", "RandomVerticalFlip", "RandomGrayscale"}
    plain = Preprocess((24, 20), 32, mean=(0.5,), std=(0.5,))
    dark = [varied("strong", plain, seed) for seed in range(30)]
    assert len({picture.tobytes() for picture in dark}) == 30
    greys = sum(int(np.ptp(varied("strong", COLOUR, seed), axis=2).max()) == 0 for seed in range(60))
    assert 1 <= greys <= 15  # expected 6, binomial
    assert turned("light") == 0


def test_policies_are_torchvisions_with_the_papers_numbers() -> None:
    for name, kind in (("randaugment", v2.RandAugment), ("trivialaugment", v2.TrivialAugmentWide)):
        policy = make_transform(name, COLOUR).steps[-1]
        assert type(policy) is kind
    policy = make_transform("randaugment", COLOUR).steps[-1]
    assert (policy.num_ops, policy.magnitude) == (2, 9)


def test_none_and_shift_leave_the_picture_to_others_and_an_unknown_name_is_told() -> None:
    assert make_transform("none", COLOUR) is None
    assert make_transform("shift", COLOUR) is None
    with pytest.raises(ConfigError, match="augment 'heavy' is not one of none, light"):
        make_transform("heavy", COLOUR)


def test_own_randomness_leaves_the_global_generator_as_it_was() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    first = torch.rand(1)
    varied("strong", COLOUR, 3)
    assert torch.equal(torch.cat([first, torch.rand(1)]), expected)


def test_seeds_of_samples_differ_in_every_part_of_the_key() -> None:
    keys = [(seed, epoch) for seed in range(8) for epoch in range(8)]
    seeds = np.concatenate([sample_seeds(*key, np.arange(500)) for key in keys])
    assert len(np.unique(seeds)) == len(seeds)
    bits = np.unpackbits(seeds.view(np.uint8)).mean()
    assert bits == pytest.approx(0.5, abs=0.002)


def rectangles(pixels: torch.Tensor) -> list[tuple[int, int]]:
    """Height and width of what is not black in each picture."""
    found = []
    for picture in pixels.numpy():
        rows, columns = np.flatnonzero(picture.any((1, 2))), np.flatnonzero(picture.any((0, 2)))
        found.append((int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1) if len(rows) else (0, 0))
    return found


def test_erasing_hits_the_asked_share_with_rectangles_of_the_papers_size_and_shape() -> None:
    seeds = sample_seeds(0, 0, np.arange(2000))
    black = torch.zeros(2000, 40, 40, 3, dtype=torch.uint8)
    found = rectangles(erase(black.clone(), seeds, 0.25))
    sizes = np.array([size for size in found if size != (0, 0)])
    assert len(sizes) / 2000 == pytest.approx(0.25, abs=0.03)  # three standard deviations
    areas = sizes.prod(1) / 1600
    assert 0.015 <= areas.min() <= 0.05
    assert 0.33 <= areas.max() <= 0.42
    aspects = sizes[:, 0] / sizes[:, 1]
    assert 0.25 <= aspects.min() <= 0.5
    assert 2 <= aspects.max() <= 4
    assert not erase(black.clone(), seeds, 0.0).any()
    assert all(size != (0, 0) for size in rectangles(erase(black.clone(), seeds, 1.0)))


def test_erased_pixels_are_noise_by_seed_alone_also_in_grey_and_in_strips() -> None:
    seeds = sample_seeds(0, 0, np.arange(30))
    grey = torch.zeros(30, 16, 16, 1, dtype=torch.uint8)
    together = erase(grey.clone(), seeds, 1.0)
    one_by_one = torch.cat([erase(grey[:1].clone(), seeds[i : i + 1], 1.0) for i in range(30)])
    assert torch.equal(together, one_by_one)
    assert together[together > 0].float().std() > 60  # of a uniform uint8: 74
    strip = torch.zeros(3, 1, 1000, 1, dtype=torch.uint8)
    assert erase(strip, seeds[:3], 1.0).shape == strip.shape
