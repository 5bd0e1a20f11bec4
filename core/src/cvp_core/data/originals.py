"""The bytes of a picture's file, wherever it is: on disk, in an archive, or, of a picture in memory, a PNG of it."""

from __future__ import annotations

import io
import os
from pathlib import Path

from ..errors import DataError, ImageError
from .image import IMAGE_SUFFIXES
from .packed import PackedSet
from .sources import ArraySet, FileSet, ImageSet

__all__ = ["original", "original_size", "suffix_of"]

# How files of the formats begin that may lack a suffix, as pictures in .parquet do.
_SIGNS = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG": ".png",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"RIFF": ".webp",
    b"II*\0": ".tif",
    b"MM\0*": ".tif",
}


def original(images: ImageSet, index: int) -> bytes:
    """The file as it is. Raises DataError that names the picture."""
    try:
        if isinstance(images, PackedSet):
            return images.content(index)
        if isinstance(images, FileSet):
            return Path(images.path(index)).read_bytes()
    except ImageError as error:
        raise DataError(f"{images.name(index)}: {error}") from error
    except OSError as error:
        raise DataError(f"{images.name(index)}: cannot be read: {error.strerror or error}") from None
    buffer = io.BytesIO()
    channels = 1 if isinstance(images, ArraySet) and images.pixels.ndim == 3 else 3
    images.read(index, channels).save(buffer, "PNG")
    return buffer.getvalue()


def original_size(images: ImageSet, index: int) -> int:
    """Its bytes; of a picture in memory those of its pixels, before PNG makes them fewer. Raises DataError."""
    if isinstance(images, PackedSet):
        return images.size(index)
    if isinstance(images, FileSet):
        try:
            return os.stat(images.path(index)).st_size
        except OSError as error:
            raise DataError(f"{images.name(index)}: cannot be read: {error.strerror or error}") from None
    return int(images.pixels[index].nbytes) if isinstance(images, ArraySet) else 1 << 16


def suffix_of(images: ImageSet, index: int, content: bytes) -> str:
    """What a file of its kind is called, such as ".jpg": by the picture's name, else by its first bytes."""
    suffix = os.path.splitext(images.name(index))[1].lower()
    if suffix in IMAGE_SUFFIXES:
        return suffix
    return next((kind for sign, kind in _SIGNS.items() if content.startswith(sign)), ".png")
