"""The difference hash keeps to the picture, and the search for near ones finds what comparing all pairs finds."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from cvp_core.data.birds.scene import paint
from cvp_core.data.check import near
from cvp_core.data.check.likeness import FARTHEST, differing_bits, is_alike, likeness
from cvp_core.data.check.near import near_pairs

BLANK = np.zeros((8, 9), np.uint8)


def saved(image: Image.Image, quality: int) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file)


def are_alike(first: Image.Image, second: Image.Image) -> bool:
    (a, small_a), (b, small_b) = likeness(first.convert("L")), likeness(second.convert("L"))
    return (a ^ b).bit_count() <= FARTHEST and bool(is_alike(small_a[None], small_b[None])[0])


def test_a_bit_says_whether_a_pixel_is_brighter_than_its_left_neighbour() -> None:
    rising = Image.fromarray(np.tile(np.arange(9, dtype=np.uint8) * 20, (8, 1)))
    assert likeness(rising)[0] == 2**64 - 1
    assert likeness(rising.transpose(Image.Transpose.FLIP_LEFT_RIGHT))[0] == 0
    steps = np.tile(np.arange(9, dtype=np.uint8), (8, 1))
    steps[0, 1:] = 0  # the first row falls at once and then is level: of the 64 bits the first 8 are clear
    assert likeness(Image.fromarray(steps))[0] == 2**56 - 1


@pytest.mark.parametrize("quality", [95, 75, 50])
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7])
def test_a_picture_scaled_and_saved_anew_is_the_same_to_the_eye(
    quality: int, scale: float, photo: Callable[..., Image.Image]
) -> None:
    for seed in range(20):
        image = photo(seed, (240, 180))
        size = (round(240 * scale), round(180 * scale))
        assert are_alike(image, saved(image.resize(size, Image.Resampling.LANCZOS), quality)), seed


def test_different_pictures_are_not_alike(photo: Callable[..., Image.Image]) -> None:
    shown = [photo(seed) for seed in range(40)]
    assert not any(are_alike(a, b) for i, a in enumerate(shown) for b in shown[:i])


def test_a_painted_bird_is_like_itself_saved_anew_and_like_no_other() -> None:
    shown = [paint(label, index) for label in range(4) for index in range(6)]
    copies = [saved(image.resize((100, 100), Image.Resampling.BICUBIC), 70) for image in shown]
    alike = np.array([[are_alike(image, copy) for copy in copies] for image in shown])
    assert alike.diagonal().mean() >= 0.95
    assert not (alike & ~np.eye(len(shown), dtype=bool)).any()


@given(st.lists(st.integers(0, 2**64 - 1), min_size=2, max_size=50))
def test_differing_bits_are_counted_as_python_counts_them(values: list[int]) -> None:
    first, second = np.array(values, np.uint64), np.array(values[::-1], np.uint64)
    expected = [(a ^ b).bit_count() for a, b in zip(values, values[::-1], strict=True)]
    assert differing_bits(first, second).tolist() == expected


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 5), st.sets(st.integers(0, 63), max_size=5)), min_size=2, max_size=60))
def test_the_search_finds_every_pair_that_comparing_all_finds(drawn: list[tuple[int, set[int]]]) -> None:
    bases = np.random.default_rng(0).integers(0, 2**64, 6, dtype=np.uint64).tolist()
    values = [bases[base] ^ sum(1 << bit for bit in flipped) for base, flipped in drawn]
    expected = {
        (i, j) for j, b in enumerate(values) for i, a in enumerate(values[:j]) if (a ^ b).bit_count() <= FARTHEST
    }
    found = near_pairs(np.array(values, np.uint64), np.broadcast_to(BLANK, (len(values), 8, 9)))
    assert set(map(tuple, found.tolist())) == expected
    assert len(found) == len(expected)


def test_hashes_that_agree_are_no_pair_where_the_small_pictures_differ() -> None:
    squares = BLANK.copy()
    squares[::2, ::2] = 100
    as_bright = squares[::-1]
    thumbs = np.stack((squares, BLANK + 40, as_bright, BLANK + 41))
    assert near_pairs(np.zeros(4, np.uint64), thumbs).tolist() == [[1, 3]]


def test_of_countless_look_alikes_each_is_compared_with_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "_MOST", 3)
    pairs = near_pairs(np.zeros(50, np.uint64), np.broadcast_to(BLANK, (50, 8, 9)))
    assert len(pairs) == 49 + 48 + 47
    assert len(near_pairs(np.empty(0, np.uint64), np.empty((0, 8, 9), np.uint8))) == 0
