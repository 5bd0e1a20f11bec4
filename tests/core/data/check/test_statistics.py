"""Statistics are NumPy's over all pixels; sizes, formats and classes are counted right."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvp_core.data import ArraySet, DataSplits, open_data
from cvp_core.data.check import statistics as module
from cvp_core.data.check.overview import draw_overview
from cvp_core.data.check.statistics import statistics
from cvp_core.errors import DataError

Photos = Callable[[Path, dict[str, int | bytes]], Path]


@pytest.fixture
def folder(tmp_path: Path, photos: Photos, photo: Callable[..., Image.Image]) -> Path:
    """Nine pictures of several sizes, formats and modes, and one that cannot be read."""
    root = photos(tmp_path / "d", {f"train/a/{n}.png": n for n in range(4)} | {"val/b/1.png": 9, "val/a/bad.png": b"x"})
    for n in range(4):
        (root / "train" / "b").mkdir(exist_ok=True)
        photo(20 + n, (50 + n, 120)).convert("L" if n else "RGB").save(root / "train" / "b" / f"{n}.jpg")
    return root


def test_mean_and_deviation_are_numpys_over_all_pixels(folder: Path) -> None:
    found = statistics(open_data(folder))
    paths = [path for path in folder.rglob("*.*") if path.name != "bad.png"]
    pixels = np.concatenate([np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3) for path in paths]) / 255
    assert found.brightness.mean == pytest.approx(pixels.mean(axis=0), rel=1e-12)
    assert found.brightness.std == pytest.approx(pixels.std(axis=0), rel=1e-12)
    assert (found.brightness.pictures, found.brightness.is_sample, found.unreadable) == (9, False, 1)


def test_grey_pictures_in_memory_have_one_channel() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 28, 20), dtype=np.uint8)
    splits = DataSplits(
        "toy", ("a", "b"), ArraySet(pixels, [0, 1, 0, 1, 1]), None, None, "memory", image_size=(1, 28, 20)
    )
    found = statistics(splits)
    assert found.brightness.mean == pytest.approx([pixels.mean() / 255], rel=1e-12)
    assert found.brightness.std == pytest.approx([pixels.std() / 255], rel=1e-12)
    assert (found.bytes, found.formats) == (None, {})


def test_sizes_bytes_formats_and_classes(folder: Path) -> None:
    found = statistics(open_data(folder))
    widths = [96] * 5 + [50, 51, 52, 53]
    assert vars(found.width) == {"least": 50, "median": np.median(widths), "most": 96}
    assert vars(found.height) == {"least": 72, "median": 72, "most": 120}
    sizes = [path.stat().st_size for path in folder.rglob("*.*")]
    assert vars(found.bytes) == {
        "least": min(s for s in sizes if s > 1),
        "median": found.bytes.median,
        "most": max(sizes),
    }
    assert found.formats == {"PNG": 5, "JPEG": 4}
    assert {split: counts.tolist() for split, counts in found.counts.items()} == {"train": [4, 4], "val": [1, 1]}


def test_of_many_pictures_a_seeded_sample_is_taken_and_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DECODED", 3)
    first, again, other = (statistics(open_data(folder), seed=seed).brightness for seed in (0, 0, 1))
    assert first == again != other
    assert (first.pictures, first.is_sample) == (3, True)


def test_nothing_readable_is_an_error_that_points_to_verify(tmp_path: Path, photos: Photos) -> None:
    root = photos(tmp_path / "d", {"a/1.png": b"x", "b/1.png": b"y"})
    with pytest.raises(DataError, match="cvp data verify"):
        statistics(open_data(root))


@pytest.mark.parametrize("classes", [2, 40])
def test_the_page_is_drawn_for_few_and_many_classes(classes: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3 * classes, 9, 9), dtype=np.uint8)
    names = tuple(f"class {n} 鸟" for n in range(classes))
    splits = DataSplits("toy", names, ArraySet(pixels, np.arange(3 * classes) % classes), None, None, "memory")
    page = Image.open(io.BytesIO(draw_overview(statistics(splits), splits))).convert("RGB")
    assert page.width > 1000
    assert (0x1F, 0x6F, 0xB4) in {colour for _, colour in page.getcolors(1 << 24)}
