"""The IDX format of MNIST and its relatives, plain or gzipped, read strictly.

Layout: two zero bytes, a type (8 is unsigned byte), the number of dimensions, each dimension as a big-endian
uint32, then the values in C order.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import DataError

__all__ = ["read_idx"]

_UNSIGNED_BYTE = 8
_MAX_BYTES = 1 << 33


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The uint8 array of a file with that many dimensions: 3 for pictures (N, H, W), 1 for labels (N,).

    Raises DataError for another magic number, another number of dimensions, missing or surplus bytes, and
    damaged compression.
    """
    try:
        with path.open("rb") as raw:
            compressed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not compressed:
                return _read(raw, dimensions)
            with gzip.open(raw) as file:
                return _read(file, dimensions)
    except DataError as error:
        raise DataError(f"'{path}' {error}") from None
    except EOFError:
        raise DataError(f"'{path}' is cut off") from None
    except (OSError, zlib.error) as error:
        raise DataError(f"'{path}' cannot be read: {error}") from error


def _read(file: BinaryIO | gzip.GzipFile, dimensions: int) -> np.ndarray:
    magic = file.read(4)
    expected = bytes((0, 0, _UNSIGNED_BYTE, dimensions))
    if magic != expected:
        raise DataError(f"starts with {magic.hex() or 'nothing'}; {expected.hex()} is expected ({dimensions}-d bytes)")
    sizes = file.read(4 * dimensions)
    if len(sizes) < 4 * dimensions:
        raise DataError("is cut off within its header")
    shape = struct.unpack(f">{dimensions}I", sizes)
    count = prod(shape)
    if count > _MAX_BYTES:
        raise DataError(f"claims {count} bytes in its header {shape}")
    values = file.read(count)
    if len(values) < count:
        raise DataError(f"is cut off: {len(values)} of {count} bytes are there")
    if file.read(1):
        raise DataError(f"goes on after the {count} bytes that its header {shape} announces")
    return np.frombuffer(values, dtype=np.uint8).reshape(shape)
