"""Hostile and unusual pictures: the right pixels, or the right reason."""

from __future__ import annotations

import contextlib
import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from cvp_core.data.image import IMAGE_SUFFIXES, MAX_PIXELS, open_image
from cvp_core.errors import ConfigError, ImageError

RED, GREEN, WHITE = (255, 0, 0), (0, 255, 0), (255, 255, 255)
GREY, RGB = 0, 2  # PNG colour types


def encode(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width: int = 64, height: int = 48) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *extra: bytes) -> bytes:
    """A PNG file by the specification, for what Pillow cannot write."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    data = chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(extra) + data


def test_truncated_jpeg_says_where_it_ends():
    data = encode(noise(), "JPEG")[:812]
    with pytest.raises(ImageError, match="ends after 812 bytes"):
        open_image(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_no_format_yields_a_picture_when_its_pixels_are_cut_off(kind, share):
    data = encode(noise(), kind)
    with pytest.raises(ImageError):
        open_image(data[: int(len(data) * share)])


def test_empty_file_is_said_to_be_empty(tmp_path):
    (tmp_path / "a.jpg").touch()
    with pytest.raises(ImageError, match="empty file"):
        open_image(tmp_path / "a.jpg")


def test_text_named_jpg_is_not_a_picture(tmp_path):
    (tmp_path / "a.jpg").write_text("not a picture at all, merely some text")
    with pytest.raises(ImageError, match="not a picture that Pillow can read"):
        open_image(tmp_path / "a.jpg")


def test_missing_file_folder_and_pipe_are_refused_by_what_they_are(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path, reason in (("none.jpg", "no such file"), ("", "folder"), ("pipe.jpg", "not a regular file")):
        with pytest.raises(ImageError, match=reason):
            open_image(tmp_path / path)


def test_cmyk_jpeg_keeps_its_colours():
    # Pure red is no cyan, full magenta, full yellow, no black. JPEG may be off by a few levels.
    cmyk = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    image = open_image(encode(cmyk, "JPEG", quality=95))
    assert image.mode == "RGB"
    assert np.abs(np.asarray(image).astype(int) - RED).max() <= 6


def test_16_bit_grey_png_is_scaled_not_clipped():
    values = [0, 257, 25700, 65535]
    data = png(4, 1, 16, GREY, b"\0" + struct.pack(">4H", *values))
    assert np.asarray(open_image(data, channels=1)).tolist() == [[0, 1, 100, 255]]
    assert np.asarray(open_image(data)).tolist() == [[[0] * 3, [1] * 3, [100] * 3, [255] * 3]]


def test_32_bit_integers_are_read_as_16_bit_or_refused():
    assert open_image(Image.new("I", (1, 1), 25700), channels=1).getpixel((0, 0)) == 100
    with pytest.raises(ImageError, match="allowed are 0 to 65535"):
        open_image(Image.new("I", (1, 1), 70000))


def test_float_pixels_are_refused():
    with pytest.raises(ImageError, match="float"):
        open_image(encode(Image.new("F", (2, 2), 0.5), "TIFF"))


def test_transparent_palette_png_lies_on_white():
    image = Image.new("P", (2, 1))
    image.putpalette([*RED, *GREEN])
    image.putdata([0, 1])
    opened = open_image(encode(image, "PNG", transparency=0))
    assert [opened.getpixel((x, 0)) for x in (0, 1)] == [WHITE, GREEN]


@pytest.mark.parametrize(
    "image, expected",
    [
        (Image.new("RGBA", (1, 1), (*RED, 0)), WHITE),
        (Image.new("RGBA", (1, 1), (*RED, 255)), RED),
        (Image.new("LA", (1, 1), (0, 0)), WHITE),
        (Image.new("1", (1, 1), 1), WHITE),
    ],
)
def test_alpha_lies_on_white_and_bits_are_black_and_white(image, expected):
    assert open_image(encode(image, "PNG")).getpixel((0, 0)) == expected


@pytest.mark.parametrize("depth, sample", [(8, b"\x05"), (16, b"\x05\x05")])
def test_the_transparent_grey_of_a_png_becomes_white(depth, sample):
    data = png(1, 1, depth, GREY, b"\0" + sample, chunk(b"tRNS", sample.rjust(2, b"\0")))
    assert open_image(data).getpixel((0, 0)) == WHITE


def test_animated_gif_gives_its_first_frame():
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, GREEN)]
    data = encode(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert open_image(data).getpixel((0, 0)) == RED


@pytest.mark.filterwarnings("error")
def test_decompression_bomb_is_refused_by_its_header_without_a_warning():
    data = png(60_000, 60_000, 8, RGB, b"")
    with pytest.raises(ImageError, match="60000x60000"):
        open_image(data)


@pytest.mark.filterwarnings("error")
def test_picture_within_the_limit_gives_no_warning_though_pillow_would():
    width, height = 10_000, 9_000
    assert Image.MAX_IMAGE_PIXELS < width * height < MAX_PIXELS
    data = encode(Image.new("1", (width, height)), "PNG")
    assert open_image(data, channels=1).size == (width, height)


@pytest.mark.parametrize(
    "orientation, corner",
    [(1, (0, 0)), (2, (2, 0)), (3, (2, 1)), (4, (0, 1)), (5, (0, 0)), (6, (1, 0)), (7, (1, 2)), (8, (0, 2))],
)
def test_photo_is_turned_as_its_exif_says(orientation, corner):
    # The stored picture has its first row and column, pixel (0, 0), marked. By the EXIF 2.3 specification the
    # number says where row 0 and column 0 belong: 6 is "row 0 at the right side, column 0 at the top".
    stored = Image.new("RGB", (3, 2), WHITE)
    stored.putpixel((0, 0), RED)
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_image(encode(stored, "PNG", exif=exif))
    assert opened.size == ((3, 2) if orientation < 5 else (2, 3))
    assert opened.getpixel(corner) == RED


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_broken_exif_around_a_sound_photo_leaves_it_as_it_is():
    data = encode(noise(), "JPEG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff\xff\xff")
    assert open_image(data).size == (64, 48)


def test_file_names_in_any_script_are_opened(tmp_path):
    path = tmp_path / "鸟类照片 – ñandú.png"
    noise().save(path)
    assert open_image(path).size == open_image(str(path)).size == (64, 48)


def test_path_bytes_file_and_image_give_the_same_picture(tmp_path):
    path = tmp_path / "a.png"
    noise().save(path)
    with path.open("rb") as file:
        file.seek(7)
        pictures = [open_image(source) for source in (path, path.read_bytes(), file, noise())]
        assert not file.closed
    assert all(picture.tobytes() == noise().tobytes() for picture in pictures)


def test_grey_of_a_colour_picture_is_pillows_luma():
    assert open_image(noise(), channels=1).tobytes() == noise().convert("L").tobytes()


def test_other_channel_counts_are_refused():
    with pytest.raises(ConfigError, match="1 or 3"):
        open_image(noise(), channels=4)


def test_postscript_is_not_handed_to_another_program():
    with pytest.raises(ImageError, match="not a picture"):
        open_image(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")


def test_the_state_of_pillow_is_left_alone():
    before = (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))
    open_image(encode(noise(), "PNG"))
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES, list(warnings.filters))


def test_every_suffix_is_one_that_pillow_knows():
    Image.init()
    assert set(Image.EXTENSION) >= IMAGE_SUFFIXES


SAMPLES = [encode(noise(16, 12), kind) for kind in ("JPEG", "PNG", "GIF", "BMP", "WEBP", "PPM", "ICO", "QOI")]


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=300, deadline=None)
@given(
    sample=st.sampled_from(SAMPLES),
    changes=st.lists(st.tuples(st.integers(0, 200), st.integers(0, 255)), max_size=8),
    length=st.integers(0, 2000),
)
def test_damaged_bytes_give_a_picture_or_an_image_error(sample, changes, length):
    data = bytearray(sample)
    for position, value in changes:
        data[position % len(data)] = value
    with contextlib.suppress(ImageError):  # any other exception fails the test
        assert open_image(bytes(data[:length])).mode == "RGB"


def test_an_error_holds_the_reason_without_the_path(tmp_path: Path):
    (tmp_path / "secret.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(ImageError) as caught:
        open_image(tmp_path / "secret.jpg")
    assert "secret" not in str(caught.value)
