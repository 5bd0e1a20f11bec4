"""One picture in, one decoded RGB or L image out, whatever the file holds; anything else is an ImageError.

Pillow's own `Image.open` warns about large pictures through the process-wide warnings filters, which
threads cannot change safely, and tries formats that start other programs (EPS runs Ghostscript). So the
readers that Pillow registers are called one by one here, for a list of formats with a real signature, and
the size is checked between header and pixels.
"""

from __future__ import annotations

import io
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile

from ..errors import ConfigError, ImageError

__all__ = ["IMAGE_SUFFIXES", "MAX_PIXELS", "ImageSource", "open_image", "recognise"]

ImageSource = str | os.PathLike[str] | bytes | BinaryIO | Image.Image

IMAGE_SUFFIXES = frozenset((
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif",
    ".mpo", ".qoi", ".ico", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k",
))  # fmt: skip

# Pillow refuses above twice its MAX_IMAGE_PIXELS; a number of our own, so that nobody's setting changes it.
MAX_PIXELS = 178_956_970

_COMMON = ("JPEG", "PNG", "GIF", "BMP", "PPM")  # what Image.preinit() loads
_OTHER = (
    "WEBP",
    "TIFF",
    "AVIF",
    "JPEG2000",
    "QOI",
    "ICO",
)  # Image.init() imports 40 modules: only when needed

_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_image(source: ImageSource, channels: int = 3, at_least: int = 0) -> Image.Image:
    """The picture of `source`, decoded, upright (EXIF) and opaque, as mode "RGB" (3 channels) or "L" (1).

    source: a path, the bytes of a file, an open binary file (read from its start, left open), or an image.
    at_least: pixels of the shorter side that are enough. A JPEG file of twice that or more is decoded at 1/2, 1/4 or
        1/8 of its size, which takes two thirds to a third of the time; 0 decodes all pixels.
    Transparency is laid on white; 16-bit grey is scaled by 257, not clipped; of an animation the first
    frame is taken. Orientation that cannot be read counts as upright.
    Raises ImageError with the reason alone: missing, empty, foreign, damaged, cut off, float pixels, or more
    than MAX_PIXELS. Raises ConfigError for other channels. Safe in threads; touches no state of Pillow.
    """
    if channels not in (1, 3):
        raise ConfigError(f"pictures are read with 1 or 3 channels, given {channels}")
    if isinstance(source, Image.Image):
        return _guarded(source, channels, 0, "picture", 0)
    with _opened(source) as file:
        length = file.seek(0, os.SEEK_END)
        image, kind = recognise(file, length)
        return _guarded(image, channels, at_least, f"{kind} file", length)


@contextmanager
def _opened(source: str | os.PathLike[str] | bytes | BinaryIO) -> Iterator[BinaryIO]:
    """A seekable file. Only regular files are opened by path: opening a pipe would wait forever."""
    if isinstance(source, bytes | bytearray | memoryview):
        yield io.BytesIO(source)
    elif isinstance(source, str | os.PathLike):
        try:
            mode = os.stat(source).st_mode
            if stat.S_ISDIR(mode):
                raise ImageError("a folder, not a picture")
            if not stat.S_ISREG(mode):
                raise ImageError("not a regular file")
            file = open(source, "rb")  # noqa: SIM115 - closed below, outside of this try
        except FileNotFoundError:
            raise ImageError("no such file") from None
        except OSError as error:
            raise ImageError(f"cannot be opened: {error.strerror or error}") from None
        except ValueError:  # a NUL in the name
            raise ImageError("no such file") from None
        with file:
            yield file
    elif hasattr(source, "read"):
        try:
            seekable = source.seekable()
        except AttributeError:
            seekable = False
        yield source if seekable else io.BytesIO(source.read())
    else:
        raise TypeError(f"a picture is a path, bytes, a binary file or a PIL image, not {type(source).__name__}")


def recognise(file: BinaryIO, length: int) -> tuple[ImageFile.ImageFile, str]:
    """The lazy image whose header fits, and its format's name; no pixel is decoded."""
    if length == 0:
        raise ImageError("empty file (0 bytes)")
    file.seek(0)
    prefix = file.read(16)
    for load_readers, formats in ((Image.preinit, _COMMON), (Image.init, _OTHER)):
        load_readers()
        for kind in formats:
            reader, accept = Image.OPEN.get(kind, (None, None))
            if reader is None or accept is None or accept(prefix) is not True:
                continue
            try:
                file.seek(0)
                return reader(file, ""), kind
            except Exception as error:
                raise ImageError(_reason(error, f"{kind} file", length)) from error
    if prefix[4:8] == b"ftyp" and prefix[8:11] in (b"hei", b"hev", b"mif"):
        raise ImageError("an HEIC photo, which Pillow cannot read; save it as JPEG")
    raise ImageError("not a picture that Pillow can read (JPEG, PNG, WebP, TIFF, GIF, BMP and others are)")


def _guarded(image: Image.Image, channels: int, at_least: int, what: str, length: int) -> Image.Image:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageError(f"{width}x{height} pixels are more than the {MAX_PIXELS:,} that are read")
    if width * height == 0:
        raise ImageError("a picture without pixels")
    try:
        if at_least > 0:
            image.draft(None, (at_least, at_least))  # other formats than JPEG know no such thing and do nothing
        image.load()
        return _converted(_upright(image), channels)
    except ImageError:
        raise
    except Exception as error:
        raise ImageError(_reason(error, what, length)) from error


def _reason(error: Exception, what: str, length: int) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, Image.DecompressionBombError):
        return f"more than the {MAX_PIXELS:,} pixels that are read"
    if isinstance(error, MemoryError):
        return f"damaged {what}, or it needs more memory than there is"
    signs = ("truncated", "not enough", "unexpected end", "end of", "eof", "insufficient", "incomplete")
    if length and (isinstance(error, EOFError) or any(sign in text.lower() for sign in signs)):
        return f"the file ends after {length} bytes, before the picture is complete"
    if isinstance(error.__cause__ or error, (LookupError, TypeError, ValueError, struct.error)) or not text:
        return f"damaged {what}"  # the text is about Python, not about the picture
    return f"damaged {what} ({text[:120]})"


def _upright(image: Image.Image) -> Image.Image:
    """A copy of the decoded image, turned as its EXIF orientation says, no longer tied to a file."""
    try:
        turn = _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # noqa: BLE001 - broken EXIF around a sound picture: there is no orientation to be read
        turn = None
    return image.copy() if turn is None else image.transpose(turn)


def _converted(image: Image.Image, channels: int) -> Image.Image:
    if image.mode == "F":
        raise ImageError("32-bit float pixels, whose range is unknown; save it with 8 or 16 bits")
    if image.mode.startswith("I"):
        image = _from_16_bit(image)
    elif image.has_transparency_data:
        opaque = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque)
    if image.mode not in ("1", "L", "RGB"):
        image = image.convert("RGB")
    mode = "RGB" if channels == 3 else "L"
    return image if image.mode == mode else image.convert(mode)


def _from_16_bit(image: Image.Image) -> Image.Image:
    """Mode "I" and "I;16" hold 0..65535; Pillow's own conversion to "L" would clip at 255."""
    values = np.asarray(image)
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65535:
        raise ImageError(f"integer pixels from {low} to {high}; allowed are 0 to 65535")
    grey = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey[values == clear] = 255
    return Image.fromarray(grey)
