"""Pictures as training and evaluation see them: the same in every epoch, whatever the cache has kept of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cvp_core.data import ArraySet, FileSet
from cvp_core.data import decode as decode_module
from cvp_core.data.decode import Pictures, shrink
from cvp_core.data.jpeg import decode_jpeg
from cvp_core.data.loading import make_loader
from cvp_core.spec import Preprocess

BILINEAR = Image.Resampling.BILINEAR
SIZE = Preprocess((16, 16), 18)
TRAIN = {"is_training": True, "augment": "light", "seed": 5}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "pictures"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FileSet:
    """12 photographs, enough to be cached; one is smaller than what is stored."""
    monkeypatch.setattr(decode_module, "_WORTH", 10)
    generator = np.random.default_rng(0)
    for index in range(12):
        shape = (10, 12, 3) if index == 7 else (40, 50 + index, 3)
        Image.fromarray(generator.integers(0, 256, shape, dtype=np.uint8)).save(tmp_path / f"{index}.jpg")
    return FileSet([tmp_path / f"{index}.jpg" for index in range(12)], np.arange(12))


def batches(images: FileSet, cache_gib: float, workers: int = 0, start: int = 0, augment: str = "light") -> list:
    options = {**TRAIN, "augment": augment}
    loader = make_loader(images, SIZE, 4, cache_gib=cache_gib, workers=workers, **options)
    return [tensor for epoch in (0, 1) for batch in loader.epoch(epoch, start) for tensor in batch]


@pytest.mark.parametrize("workers", [0, 2])
def test_training_sees_the_same_pixels_whether_the_cache_is_cold_warm_full_or_absent(
    files: FileSet, folder: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold = batches(files, 1, workers)
    (path,) = folder.iterdir()
    assert path.stat().st_size > 12 * 16 + 11 * 24 * 30 * 3
    for again in (batches(files, 1), batches(files, 5e-6, workers), batches(files, 1e-9, workers)):
        assert all(torch.equal(a, b) for a, b in zip(cold, again, strict=True))
    batches(files, 1)
    for index in range(len(files)):
        monkeypatch.setattr(Pictures, "_read", None)  # nothing is decoded any more
        assert Pictures(files, SIZE, 0.6, 1).whole(index) is not None
    assert all(torch.equal(a, b) for a, b in zip(cold, batches(files, 1, workers), strict=True))


def test_a_resumed_epoch_sees_the_same_batches_with_a_warm_and_a_cold_cache(files: FileSet, folder: Path) -> None:
    whole = batches(files, 1)
    warm = batches(files, 1, start=2)
    for path in folder.iterdir():
        path.unlink()
    cold = batches(files, 1, start=2)
    expected = [*whole[4:6], *whole[10:12]]
    assert all(torch.equal(a, b) and torch.equal(a, c) for a, b, c in zip(expected, warm, cold, strict=True))


def test_evaluation_is_bit_equal_with_and_without_a_cache(files: FileSet, folder: Path) -> None:
    def epoch(cache_gib: float) -> torch.Tensor:
        return torch.cat([pixels for pixels, _ in make_loader(files, SIZE, 5, cache_gib=cache_gib).epoch(0)])

    assert torch.equal(epoch(1), epoch(0))
    assert torch.equal(epoch(1), epoch(0))
    assert len(list(folder.iterdir())) == 1


def test_pictures_are_stored_at_half_as_much_again_as_the_models_size_and_smaller_ones_as_they_are(
    files: FileSet,
) -> None:
    pictures = Pictures(files, SIZE, 0.6, 1)
    for _ in range(2):
        assert pictures.whole(0).shape == (24, 30, 3)  # 1.5 x 16 is 24; 40x50 is shrunk
        assert pictures.whole(7).shape == (10, 12, 3)
        assert np.array_equal(pictures.whole(7), decode_jpeg(Path(files.path(7)).read_bytes(), 3, 0))
    expected = Image.fromarray(decode_jpeg(Path(files.path(0)).read_bytes(), 3, 0)).resize((30, 24), BILINEAR)
    assert np.abs(pictures.whole(0).astype(int) - np.asarray(expected)).max() <= 1
    near = np.zeros((30, 40, 3), np.uint8)
    assert shrink(near, 24) is near
    assert shrink(np.zeros((31, 40, 3), np.uint8), 24).shape == (24, 31, 3)


def test_grey_pictures_come_back_grey(files: FileSet) -> None:
    grey = Preprocess((16, 16), 18, mean=(0.5,), std=(0.5,))
    first, again = (Pictures(files, grey, 0.6, 1).whole(0) for _ in range(2))
    assert first.shape == (24, 30, 1)
    assert np.array_equal(first, again)


def test_a_changed_file_is_decoded_again(files: FileSet) -> None:
    before = Pictures(files, SIZE, None, 1).evaluated(0)
    Image.new("RGB", (30, 30), "red").save(files.path(0))
    assert not np.array_equal(Pictures(files, SIZE, None, 1).evaluated(0), before)


def test_few_pictures_and_pictures_in_memory_are_not_cached(files: FileSet, folder: Path) -> None:
    list(make_loader(files.subset(range(9)), SIZE, 4, cache_gib=1, **TRAIN).epoch(0))
    arrays = ArraySet(np.zeros((20, 16, 16, 3), np.uint8), np.zeros(20))
    list(make_loader(arrays, SIZE, 4, cache_gib=1, **TRAIN).epoch(0))
    list(make_loader(files, SIZE, 4, cache_gib=0, **TRAIN).epoch(0))
    assert not folder.exists()


def test_large_jpeg_files_are_decoded_no_larger_than_the_smallest_crop_needs(tmp_path: Path) -> None:
    """1/2, 1/4, 1/8 are the scales of JPEG; what is left stays at least as large as asked, turned or not."""
    for turn, name in ((1, "flat.jpg"), (6, "turned.jpg")):
        exif = Image.Exif()
        exif[0x0112] = turn
        Image.new("RGB", (1600, 1200)).save(tmp_path / name, exif=exif)
        images = FileSet([tmp_path / name], [0])
        sides = {asked: min(images.read(0, 3, asked).size) for asked in (0, 150, 151, 300, 600, 601, 5000)}
        assert sides == {0: 1200, 150: 150, 151: 300, 300: 300, 600: 600, 601: 1200, 5000: 1200}
        assert (images.read(0, 3, 300).height > images.read(0, 3, 300).width) is (turn == 6)


def test_reduced_decoding_shows_the_same_picture(tmp_path: Path) -> None:
    """At least 35 dB where both are brought to the size that a model sees; 30 is visible, 40 is not."""
    y, x = np.mgrid[0:900, 0:1200] / 40
    smooth = np.stack([np.sin(x) + np.cos(y), np.sin(x + y), np.cos(x * 1.7 - y)], axis=-1) * 60 + 128
    pixels = smooth + np.random.default_rng(0).normal(0, 8, smooth.shape)
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "a.jpg", quality=92)
    images = FileSet([tmp_path / "a.jpg"], [0])
    full, reduced = (
        np.asarray(images.read(0, 3, asked).resize((298, 224), Image.Resampling.BILINEAR), np.float64)
        for asked in (0, 334)
    )
    assert not np.array_equal(full, reduced)
    assert 10 * np.log10(255**2 / np.square(full - reduced).mean()) > 35
