"""Files that people have and would rather not: odd, broken and fuzzed pictures, always the same ones."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

__all__ = ["FORMATS", "SOUND", "fuzzed", "odd"]

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")
SUFFIX = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp", "TIFF": ".tif"}
SOUND = 4  # unharmed pictures a class


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(seed: int, width: int = 40, height: int = 30) -> Image.Image:
    small = np.random.default_rng(seed).integers(0, 256, (height // 5, width // 5, 3), np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


def odd() -> dict[str, bytes]:
    """By name: truncated, empty, foreign and a bomb, and kinds that are merely rare."""
    exif = Image.Exif()
    exif[0x0112] = 6
    palette = noise(1).quantize(16)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    return {
        "truncated.jpg": encoded(noise(2), "JPEG")[:400],
        "empty.jpg": b"",
        "text.jpg": b"not a picture at all",
        "bomb.png": bomb + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b""),
        "cmyk.jpg": encoded(noise(3).convert("CMYK"), "JPEG"),
        "deep.png": encoded(Image.fromarray(np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000), "PNG"),
        "clear.png": encoded(palette, "PNG", transparency=0),
        "moving.gif": encoded(noise(4), "GIF", save_all=True, append_images=[noise(5)]),
        "turned.jpg": encoded(noise(6), "JPEG", exif=exif),
        "鸟类.png": encoded(noise(7), "PNG"),
        "really a png.jpg": encoded(noise(8), "PNG"),
    }


def fuzzed(count: int = 20) -> Iterator[tuple[str, bytes]]:
    """Names and contents: `count` of each format, harmed in five ways in turn."""
    for place, kind in enumerate(FORMATS):
        for number in range(count):
            generator = np.random.default_rng((place, number))
            sound = encoded(noise(number), kind)
            other = encoded(noise(number + 100), FORMATS[(place + number // 5) % len(FORMATS)])
            harm = HARMS[number % len(HARMS)]
            yield f"{kind.lower()} {harm.__name__} {number}{SUFFIX[kind]}", harm(sound, other, generator)


def flipped(sound: bytes, other: bytes, generator: np.random.Generator) -> bytes:
    """A few bits."""
    content = bytearray(sound)
    for place in generator.integers(0, len(content), generator.integers(1, 9)).tolist():
        content[place] ^= 1 << int(generator.integers(8))
    return bytes(content)


def cut(sound: bytes, other: bytes, generator: np.random.Generator) -> bytes:
    return sound[: int(generator.integers(1, len(sound)))]


def spliced(sound: bytes, other: bytes, generator: np.random.Generator) -> bytes:
    """The beginning of one file and the end of another."""
    return sound[: int(generator.integers(8, len(sound)))] + other[int(generator.integers(0, len(other))) :]


def lying(sound: bytes, other: bytes, generator: np.random.Generator) -> bytes:
    """A length, a size or an offset near the beginning that is none."""
    lies = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\0\x01\0\0", b"\xff\xff\0\0", b"\x80\0\0\0")
    content = bytearray(sound)
    for _ in range(int(generator.integers(1, 4))):
        place = int(generator.integers(4, min(120, len(content) - 4)))
        content[place : place + 4] = lies[int(generator.integers(len(lies)))]
    return bytes(content)


def doubled(sound: bytes, other: bytes, generator: np.random.Generator) -> bytes:
    """A part that comes again, so that all behind it lies elsewhere."""
    start, end = sorted(generator.integers(0, len(sound), 2).tolist())
    return sound[:end] + sound[start:end] + sound[end:]


HARMS: tuple[Callable[[bytes, bytes, np.random.Generator], bytes], ...] = (flipped, cut, spliced, lying, doubled)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
