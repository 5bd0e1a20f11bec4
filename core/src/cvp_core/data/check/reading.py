"""One picture read once: its checksum, what kind of file it is, whether it decodes, and how it looks in 72 pixels.

It is decoded as training decodes it, so that what is called readable here is what training can read. A JPEG is decoded
at the least scale that is enough for the 72 pixels: that reads the whole file too, in a third of the time.
"""

from __future__ import annotations

import hashlib
import os
from enum import IntFlag
from io import BufferedReader, BytesIO

import numpy as np
from PIL import ExifTags, Image

from ...errors import DataError, ImageError
from ..image import MAX_PIXELS, open_image, recognise
from ..packed import PackedSet
from ..sources import FileSet, ImageSet
from .likeness import FLATTEST, likeness

__all__ = ["READING", "Trait", "read_picture"]

READING = np.dtype([
    ("digest", "S32"),  # SHA-256 of the file, or of the pixels where there is no file
    ("hash", "u8"),
    ("thumb", "u1", (8, 9)),
    ("width", "u4"),  # upright, as it is seen
    ("height", "u4"),
    ("bytes", "u8"),  # of the file; 0 where there is none
    ("format", "S8"),  # Pillow's name; empty where there is no file
    ("traits", "u2"),
])  # fmt: skip

_TINY = 16  # pixels; a shorter side says hardly anything
_HUGE = MAX_PIXELS // 2  # pixels; above it Pillow warns of decompression bombs
_ENOUGH = 72  # pixels of the shorter side: eight for each of the likeness
_SAME_FORMAT = {"MPO": "JPEG", "DIB": "BMP"}  # a phone's .jpg may hold several JPEG pictures, which Pillow calls MPO
_TURNED = frozenset((5, 6, 7, 8))  # EXIF orientations that swap width and height


class Trait(IntFlag):
    """What may be said of a picture."""

    UNREADABLE = 1
    TRUNCATED = 2
    WRONG_SUFFIX = 4
    TINY = 8
    HUGE = 16
    CMYK = 32
    CLEAR_PALETTE = 64
    DEEP = 128
    ANIMATED = 256
    TURNED = 512
    FLAT = 1024  # without contrast: its hash says nothing
    PASSING = 2048  # could not be opened now, which says nothing about the file


def read_picture(images: ImageSet, index: int) -> tuple[np.ndarray, str]:
    """A READING, as an array of no dimensions, and why the picture cannot be read, "" if it can."""
    reading = np.zeros((), READING)
    try:
        if isinstance(images, FileSet):
            with _file(images, index, reading) as file:
                _read_file(file, images.name(index), reading)
        else:
            _read_pixels(images, index, reading)
    except ImageError as error:
        return _unreadable(reading, str(error))
    except DataError as error:
        return _unreadable(reading, str(error).removeprefix(f"{images.name(index)}: "))
    return reading, ""


def _file(images: FileSet, index: int, reading: np.ndarray) -> BufferedReader | BytesIO:
    """The picture's file, open; in memory where it is a part of an archive."""
    if isinstance(images, PackedSet):
        return BytesIO(images.content(index))
    path = images.path(index)
    try:
        if os.path.isfile(path):
            return open(path, "rb")
    except OSError as error:
        _add(reading, Trait.PASSING)
        raise ImageError(f"cannot be opened: {error.strerror or error}") from None
    _add(reading, Trait.PASSING)
    open_image(path)  # says what it is instead
    raise ImageError("not a file when it was looked at")


def _read_file(file: BufferedReader | BytesIO, name: str, reading: np.ndarray) -> None:
    try:
        reading["digest"] = hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        _add(reading, Trait.PASSING)
        raise ImageError(f"cannot be read: {error.strerror or error}") from None
    reading["bytes"] = file.seek(0, os.SEEK_END)
    header, _ = recognise(file, int(reading["bytes"]))
    _note_header(header, os.path.splitext(name)[1].lower(), reading)
    _note_likeness(open_image(file, 1, _ENOUGH), reading)


def _read_pixels(images: ImageSet, index: int, reading: np.ndarray) -> None:
    image = images.read(index)
    reading["digest"] = hashlib.sha256(f"{image.size}".encode() + image.tobytes()).digest()
    _note_size(image, reading)
    _note_likeness(image.convert("L"), reading)


def _note_header(header: Image.Image, suffix: str, reading: np.ndarray) -> None:
    traits = Trait(0)
    kind = header.format or ""
    reading["format"] = kind[:8]
    expected = Image.registered_extensions().get(suffix)
    if expected is not None and _same(expected) != _same(kind):
        traits |= Trait.WRONG_SUFFIX
    if header.mode == "CMYK":
        traits |= Trait.CMYK
    if header.mode.startswith("I"):
        traits |= Trait.DEEP
    if header.mode == "PA" or (header.mode == "P" and "transparency" in header.info):
        traits |= Trait.CLEAR_PALETTE
    orientation = 1
    try:
        orientation = header.getexif().get(ExifTags.Base.Orientation, 1)
        if kind != "MPO" and getattr(header, "is_animated", False):
            traits |= Trait.ANIMATED
    except Exception:  # noqa: BLE001 - broken facts around a picture that may be sound: decoding will tell
        pass
    if orientation in range(2, 9):
        traits |= Trait.TURNED
    _add(reading, traits)
    _note_size(header, reading, is_swapped=orientation in _TURNED)


def _same(kind: str) -> str:
    return _SAME_FORMAT.get(kind, kind)


def _note_size(image: Image.Image, reading: np.ndarray, is_swapped: bool = False) -> None:
    width, height = image.size
    reading["width"], reading["height"] = (height, width) if is_swapped else (width, height)
    if min(width, height) < _TINY:
        _add(reading, Trait.TINY)
    if width * height > _HUGE:
        _add(reading, Trait.HUGE)


def _note_likeness(grey: Image.Image, reading: np.ndarray) -> None:
    bits, thumb = likeness(grey)
    reading["hash"], reading["thumb"] = bits, thumb
    if np.ptp(thumb) < FLATTEST:
        _add(reading, Trait.FLAT)


def _add(reading: np.ndarray, traits: Trait) -> None:
    reading["traits"] = int(reading["traits"]) | traits


def _unreadable(reading: np.ndarray, reason: str) -> tuple[np.ndarray, str]:
    _add(reading, Trait.TRUNCATED if reason.startswith("the file ends") else Trait.UNREADABLE)
    if "more memory than there is" in reason:
        _add(reading, Trait.PASSING)
    return reading, reason
