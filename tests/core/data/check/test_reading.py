"""Each kind of bad or odd picture is called what it is."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvp_core.data import ArraySet, FileSet
from cvp_core.data.check import reading
from cvp_core.data.check.reading import Trait, read_picture

Photo = Callable[..., Image.Image]


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def read(path: Path, content: bytes) -> tuple[np.ndarray, str]:
    path.write_bytes(content)
    return read_picture(FileSet([path], [0]), 0)


def traits(row: np.ndarray) -> Trait:
    return Trait(int(row["traits"]))


def test_a_sound_picture_has_its_facts_and_no_traits(tmp_path: Path, photo: Photo) -> None:
    content = encoded(photo(1), "JPEG")
    row, reason = read(tmp_path / "a.JPG", content)
    assert (reason, traits(row)) == ("", Trait(0))
    assert (int(row["width"]), int(row["height"]), row["format"]) == (96, 72, b"JPEG")
    assert int(row["bytes"]) == len(content)
    assert row.tobytes()[:32] == hashlib.sha256(content).digest()


@pytest.mark.parametrize("kind, suffix", [("JPEG", ".jpg"), ("PNG", ".png"), ("WEBP", ".webp"), ("TIFF", ".tif")])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_file_that_was_cut_off_is_seen_although_it_is_decoded_small(
    kind: str, suffix: str, share: float, tmp_path: Path, photo: Photo
) -> None:
    grain = np.random.default_rng(0).integers(0, 40, (600, 800, 3), dtype=np.uint8)
    content = encoded(Image.fromarray(np.asarray(photo(1, (800, 600))) // 2 + grain), kind)
    row, reason = read(tmp_path / f"a{suffix}", content[: int(share * len(content))])
    assert traits(row) & (Trait.TRUNCATED | Trait.UNREADABLE)
    if kind in ("JPEG", "PNG"):
        assert traits(row) & Trait.TRUNCATED
        assert f"ends after {int(share * len(content))} bytes" in reason


@pytest.mark.parametrize("content, reason", [(b"", "empty file"), (b"not a picture, some text", "not a picture")])
def test_what_is_no_picture_is_unreadable_with_pillows_reason(content: bytes, reason: str, tmp_path: Path) -> None:
    row, told = read(tmp_path / "a.jpg", content)
    assert traits(row) == Trait.UNREADABLE
    assert reason in told


def test_a_png_named_jpg_has_the_wrong_suffix_and_a_jfif_has_not(tmp_path: Path, photo: Photo) -> None:
    assert traits(read(tmp_path / "a.jpg", encoded(photo(1), "PNG"))[0]) == Trait.WRONG_SUFFIX
    for name in ("a.jfif", "a.jpe", "a.JPEG"):
        assert traits(read(tmp_path / name, encoded(photo(1), "JPEG"))[0]) == Trait(0)
    assert traits(read(tmp_path / "a.jpg", encoded(photo(1), "MPO"))[0]) == Trait(0)


@pytest.mark.parametrize(
    "mode, kind, options, trait",
    [
        ("CMYK", "JPEG", {}, Trait.CMYK),
        ("P", "PNG", {"transparency": 0}, Trait.CLEAR_PALETTE),
        ("P", "PNG", {}, Trait(0)),
        ("RGBA", "PNG", {}, Trait(0)),
        ("I;16", "PNG", {}, Trait.DEEP),
    ],
)
def test_odd_modes_are_told_apart(
    mode: str, kind: str, options: dict[str, int], trait: Trait, tmp_path: Path, photo: Photo
) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.asarray(photo(1).convert("L")).astype(np.uint16) * 257)
    else:
        image = photo(1).convert(mode)
    row, _ = read(tmp_path / f"a.{kind.lower()}", encoded(image, kind, **options))
    assert traits(row) == trait


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animations_are_noticed(kind: str, tmp_path: Path, photo: Photo) -> None:
    content = encoded(photo(1), kind, save_all=True, append_images=[photo(2)])
    assert traits(read(tmp_path / f"a.{kind.lower()}", content)[0]) & Trait.ANIMATED
    assert not traits(read(tmp_path / f"b.{kind.lower()}", encoded(photo(1), kind))[0]) & Trait.ANIMATED


def test_a_turned_photo_is_measured_and_hashed_as_it_is_seen(tmp_path: Path, photo: Photo) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # shown after a quarter turn clockwise
    turned, _ = read(tmp_path / "a.jpg", encoded(photo(1).transpose(Image.Transpose.ROTATE_90), "JPEG", exif=exif))
    upright, _ = read(tmp_path / "b.jpg", encoded(photo(1), "JPEG"))
    assert traits(turned) == Trait.TURNED
    assert (int(turned["width"]), int(turned["height"])) == (96, 72)
    assert (int(turned["hash"]) ^ int(upright["hash"])).bit_count() <= 4


def test_tiny_and_huge_pictures_are_noticed(tmp_path: Path, photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    assert traits(read(tmp_path / "a.png", encoded(photo(1, (15, 200)), "PNG"))[0]) & Trait.TINY
    assert not traits(read(tmp_path / "b.png", encoded(photo(1, (16, 16)), "PNG"))[0]) & Trait.TINY
    monkeypatch.setattr(reading, "_HUGE", 96 * 72 - 1)
    assert traits(read(tmp_path / "c.png", encoded(photo(1), "PNG"))[0]) == Trait.HUGE


def test_a_decompression_bomb_is_huge_and_unreadable_and_never_decoded(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    bomb = b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    row, reason = read(tmp_path / "a.png", bomb)
    assert traits(row) == Trait.HUGE | Trait.UNREADABLE
    assert "60000x60000" in reason


def test_what_cannot_be_opened_now_is_said_and_is_no_fact_about_the_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for name, reason in (("none.jpg", "no such file"), ("pipe.jpg", "not a regular file")):
        row, told = read_picture(FileSet([tmp_path / name], [0]), 0)
        assert traits(row) == Trait.UNREADABLE | Trait.PASSING
        assert reason in told


def test_pictures_in_memory_are_told_apart_by_their_pixels() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 28, 20), dtype=np.uint8)
    pixels[2] = pixels[0]
    rows = [read_picture(ArraySet(pixels, [0, 0, 0]), index)[0] for index in range(3)]
    assert rows[0]["digest"] == rows[2]["digest"] != rows[1]["digest"]
    assert (int(rows[0]["width"]), int(rows[0]["height"]), int(rows[0]["bytes"])) == (20, 28, 0)
