"""JPEG files decoded for training: Pillow's picture to the eye, and Pillow itself for whatever is not plain."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvp_core.data import FileSet
from cvp_core.data.archive import open_archive
from cvp_core.data.decode import Pictures
from cvp_core.data.jpeg import decode_jpeg, read_jpeg
from cvp_core.errors import DataError
from cvp_core.spec import Preprocess

SIZE = Preprocess((16, 16), 18)


def picture(width: int = 333, height: int = 250) -> Image.Image:
    """Waves of three colours with a little noise."""
    y, x = np.mgrid[0:height, 0:width] / 20
    waves = np.stack([np.sin(x) + np.cos(y), np.sin(x + y), np.cos(x * 1.7 - y)], axis=-1) * 60 + 128
    noise = np.random.default_rng(0).normal(0, 4, waves.shape)
    return Image.fromarray((waves + noise).clip(0, 255).astype(np.uint8))


def saved(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, options.pop("format", "JPEG"), **options)
    return file.getvalue()


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 90},
        {"quality": 90, "subsampling": 0},
        {"quality": 80, "subsampling": 1},
        {"quality": 85, "progressive": True},
        {"quality": 100},
    ],
)
def test_the_picture_is_pillows_bit_for_bit(options: dict) -> None:
    content = saved(picture(), **options)
    found = decode_jpeg(content, 3, 0)
    assert found is not None
    assert np.array_equal(found, np.asarray(Image.open(io.BytesIO(content))))


def test_where_simplejpeg_has_no_wheel_pillow_gives_the_same_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jpg").write_bytes(saved(picture(), quality=90))
    pictures = Pictures(FileSet([tmp_path / "a.jpg"], [0]), Preprocess((240, 240), 240), crop_side=1.0)
    found = pictures.whole(0)
    monkeypatch.setattr("cvp_core.data.jpeg.simplejpeg", None)
    assert np.array_equal(pictures.whole(0), found)


def test_grey_comes_as_grey_and_as_colour_and_colour_as_grey() -> None:
    grey, colour = saved(picture().convert("L"), quality=95), saved(picture(), quality=95)
    expected = np.asarray(Image.open(io.BytesIO(grey)))
    assert np.array_equal(decode_jpeg(grey, 1, 0)[..., 0], expected)
    assert (decode_jpeg(grey, 3, 0) == expected[..., None]).all()
    difference = decode_jpeg(colour, 1, 0)[..., 0] - np.asarray(Image.open(io.BytesIO(colour)).convert("L"), float)
    assert np.square(difference).mean() < 0.5  # the file's own luma was not rounded to colours and back


def test_no_more_is_decoded_than_asked() -> None:
    content = saved(Image.new("RGB", (1600, 1200)))
    shapes = {asked: decode_jpeg(content, 3, asked).shape[:2] for asked in (0, 150, 300, 600, 601, 5000)}
    half, whole = (600, 800), (1200, 1600)
    assert shapes == {0: whole, 150: (150, 200), 300: (300, 400), 600: half, 601: whole, 5000: whole}


def odd_files() -> dict[str, bytes]:
    exif = Image.Exif()
    exif[0x0112] = 6
    sound = saved(picture(64, 48))
    return {
        "turned": saved(picture(64, 48), exif=exif),
        "inks": saved(picture(64, 48).convert("CMYK")),
        "png": saved(picture(64, 48), format="PNG"),
        "cut off": sound[: len(sound) // 2],
        "damaged": sound[:200] + b"\xff\xda" * 40 + sound[280:],
        "empty": b"",
        "start alone": b"\xff\xd8\xff",
    }


@pytest.mark.parametrize("kind", odd_files())
def test_what_is_not_plain_is_left_to_pillow_which_shows_it_or_says_why_not(kind: str, tmp_path: Path) -> None:
    content = odd_files()[kind]
    assert decode_jpeg(content, 3, 0) is None
    (tmp_path / "a.jpg").write_bytes(content)
    images = FileSet([tmp_path / "a.jpg"], [0])
    if kind in ("turned", "inks", "png"):
        seen = Pictures(images, SIZE, 0.6).whole(0)
        assert np.array_equal(seen, np.asarray(images.read(0)))
        assert seen.shape == ((64, 48, 3) if kind == "turned" else (48, 64, 3))
    else:
        with pytest.raises(DataError, match=r"a\.jpg: "):
            Pictures(images, SIZE, 0.6).whole(0)


def test_files_that_are_missing_folders_or_pipes_are_left_too(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.jpg")
    for name in ("none.jpg", "folder.jpg", "pipe.jpg"):
        images = FileSet([tmp_path / name], [0])
        assert read_jpeg(images, 0, 3, 0) is None
        with pytest.raises(DataError, match=name):
            Pictures(images, SIZE, 0.6).whole(0)


def test_a_picture_in_an_archive_is_the_one_in_the_folder(tmp_path: Path) -> None:
    import zipfile

    content = saved(picture())
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for label in "ab":
            archive.writestr(f"{label}/1.jpg", content)
    images = open_archive(tmp_path / "set.zip").train
    found = read_jpeg(images, 0, 3, 0)
    assert found is not None
    assert np.array_equal(found, decode_jpeg(content, 3, 0))
