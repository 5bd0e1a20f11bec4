"""JPEG files straight into arrays, for training: what is usual is decoded here, everything else by `open_image`.

simplejpeg wraps the same libjpeg-turbo that Pillow has, with the same settings, so it gives the same pixels, and writes
the array itself: Pillow's own image, four bytes a pixel, is neither made, copied nor packed again. Evaluation keeps to
Pillow all the same, and needs no other decoder.
"""

from __future__ import annotations

import os
import stat

import numpy as np

try:
    import simplejpeg
except ImportError:  # a Python for which it has no wheel yet
    simplejpeg = None

from ..errors import ImageError
from .image import MAX_PIXELS
from .packed import MAX_BYTES, PackedSet
from .sources import FileSet

__all__ = ["DECODER", "decode_jpeg", "read_jpeg"]

DECODER = "Pillow" if simplejpeg is None else f"simplejpeg {simplejpeg.__version__}"

_COLOURS = ("Gray", "YCbCr", "RGB")  # of four inks only Pillow knows which way round they are
_TURNS = (b"Exif\0\0", b"tiff:Orientation")  # where Pillow finds how a picture is to be turned


def read_jpeg(images: FileSet, index: int, channels: int, at_least: int) -> np.ndarray | None:
    """The picture as `decode_jpeg` gives it; None also where the file cannot be read, which `images.read` explains."""
    if isinstance(images, PackedSet):
        try:
            content = images.content(index)
        except ImageError:
            return None
    else:
        path = images.path(index)
        try:
            status = os.stat(path)
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:  # opening a pipe would wait forever
                return None
            with open(path, "rb", buffering=0) as file:
                content = file.read()
        except (OSError, ValueError):
            return None
    return decode_jpeg(content, channels, at_least)


def decode_jpeg(content: bytes, channels: int, at_least: int) -> np.ndarray | None:
    """uint8 (H, W, channels) of a file's bytes; None for what is not a plain, upright, sound JPEG of grey or colour.

    at_least: pixels of the shorter side that are enough; decoded at the least multiple of 1/8 that has them, where
        that is at most 1/2; 0 decodes all.
    """
    if simplejpeg is None or not content.startswith(b"\xff\xd8\xff") or any(sign in content for sign in _TURNS):
        return None
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(content)
        if colours not in _COLOURS or height * width > MAX_PIXELS:
            return None
        return simplejpeg.decode_jpeg(
            content,
            "RGB" if channels == 3 else "GRAY",
            min_height=at_least,
            min_width=at_least,
            min_factor=2,
        )
    except ValueError:  # also where libjpeg only warns, as of a file that is cut off
        return None
