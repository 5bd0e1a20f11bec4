"""Preprocessing against torchvision.transforms.v2, the reference that it must equal."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import InterpolationMode, v2

from cvp_core.data.preprocess import apply, normalise, resize_and_crop
from cvp_core.spec import INTERPOLATIONS, Preprocess

SIZES = [(256, 256), (500, 375), (375, 500), (301, 299), (257, 1023), (64, 48), (33, 200), (1, 1), (224, 225)]


def picture(width: int, height: int, channels: int = 3) -> Image.Image:
    generator = np.random.default_rng(width * 10_000 + height)
    shape = (height, width, 3) if channels == 3 else (height, width)
    return Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8))


def reference(image: Image.Image, preprocess: Preprocess) -> np.ndarray:
    mode = InterpolationMode(preprocess.interpolation)
    if preprocess.resize is None:
        resizing = [v2.Resize(preprocess.size, mode)]
    else:
        resizing = [v2.Resize(preprocess.resize, mode), v2.CenterCrop(preprocess.size)]
    scaling = [
        v2.ToImage(),
        v2.ToDtype(torch.float32, scale=True),
        v2.Normalize(preprocess.mean, preprocess.std),
    ]
    return v2.Compose([*resizing, *scaling])(image).numpy()


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "preprocess",
    [
        Preprocess(),
        Preprocess(size=(224, 224), resize=224, interpolation="bicubic"),
        Preprocess(size=(97, 131), resize=133),
        Preprocess(size=(96, 64), resize=None),
    ],
)
def test_a_tensor_equals_torchvisions(size, preprocess):
    image = picture(*size)
    expected = reference(image, preprocess)
    assert apply(image, preprocess).dtype == np.float32
    np.testing.assert_allclose(apply(image, preprocess), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
@pytest.mark.parametrize("resize", [40, None])
def test_every_interpolation_equals_torchvisions_on_one_channel(interpolation, resize):
    preprocess = Preprocess((32, 32), resize, interpolation, mean=(0.1307,), std=(0.3081,))
    for size in ((28, 28), (51, 37), (20, 90)):
        image = picture(*size, channels=1)
        np.testing.assert_allclose(apply(image, preprocess), reference(image, preprocess), rtol=0, atol=1e-6)


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (2, 300_000), (300_000, 2)])
def test_a_strip_is_never_resized_whole(size, monkeypatch):
    # Whole it would be 256 pixels by 1.28 million and more. PIL's memory is not Python's: the size of what is
    # asked of `resize` bounds it.
    largest = 0
    resize = Image.Image.resize

    def watched(self, size, *args, **kwargs):
        nonlocal largest
        largest = max(largest, size[0] * size[1])
        return resize(self, size, *args, **kwargs)

    monkeypatch.setattr(Image.Image, "resize", watched)
    assert resize_and_crop(picture(*size), Preprocess()).shape == (224, 224, 3)
    assert 0 < largest <= 224 * 224


@pytest.mark.parametrize("size", [(3, 700), (700, 3)])
@pytest.mark.parametrize("interpolation", INTERPOLATIONS)
def test_the_cut_out_of_a_strip_equals_torchvisions_whole(size, interpolation, monkeypatch):
    from cvp_core.data import preprocess as module

    monkeypatch.setattr(module, "_MAX_RESIZED", 0)
    preprocess = Preprocess(interpolation=interpolation)
    image = picture(*size)
    levels = np.abs(apply(image, preprocess) - reference(image, preprocess))
    levels *= 255 * np.array(preprocess.std, np.float32)[:, None, None]
    # The corner is a rounded float, and PIL picks the order of its passes by size: a value may tip to
    # the next of 255 levels, with "nearest" to the next pixel.
    assert (levels > 0.01).mean() < 0.01
    assert interpolation == "nearest" or levels.max() < 1.01


def test_a_batch_is_normalised_like_its_pictures():
    preprocess = Preprocess((24, 24), 26)
    pixels = np.stack([resize_and_crop(picture(40, 30 + n), preprocess) for n in range(3)])
    batch = normalise(pixels, preprocess)
    assert batch.shape == (3, 3, 24, 24)
    assert batch.flags.c_contiguous
    assert all((batch[n] == normalise(pixels[n], preprocess)).all() for n in range(3))


def test_a_picture_of_another_mode_is_converted_first():
    grey, colour = Preprocess(mean=(0.5,), std=(0.5,)), Preprocess()
    assert resize_and_crop(picture(50, 40), grey).shape == (224, 224, 1)
    transparent = Image.new("RGBA", (50, 40), (255, 0, 0, 0))
    assert (resize_and_crop(transparent, colour) == 255).all()


def test_the_result_can_be_written_to():
    resize_and_crop(picture(224, 224), Preprocess(resize=224))[0, 0, 0] = 1
