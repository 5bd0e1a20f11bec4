"""What a picture looks like, in 64 bits and in 72 pixels: alike for copies that were scaled or saved anew.

The difference hash (N. Krawetz, "Kind of like that", 2013): shrunk to 9x8 grey pixels, a bit says whether a pixel is
brighter than its left neighbour. Few bits by themselves call too much alike where pictures are small and plain, such
as trousers on black, so the 72 pixels are kept beside them and have the last word.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

__all__ = ["DIFFERENCE", "FARTHEST", "FLATTEST", "differing_bits", "is_alike", "likeness"]

# Measured: of birds saved anew as JPEG of quality 75 and half the size 97% are within both limits, at quality 50 too,
# and no pair of 400 different ones is, even at twice the limits. Of the 60,000 pictures of fashion-mnist 105 pairs are,
# which differ in a print or a sole; by the bits alone it would be some ten million, by 3 instead of 2 grey levels 400.
FARTHEST = 4  # bits of 64
DIFFERENCE = 144  # grey levels, the sum over the 72 pixels: 2 each
FLATTEST = 12  # grey levels between the darkest and the brightest of the 72 pixels; with fewer, the bits are noise


def likeness(grey: Image.Image) -> tuple[int, np.ndarray]:
    """Of a picture of mode "L": its 64 bits as an integer, and uint8 (8, 9)."""
    thumb = np.asarray(grey.resize((9, 8), Image.Resampling.BILINEAR))
    bits = thumb[:, 1:] > thumb[:, :-1]
    return int.from_bytes(np.packbits(bits).tobytes(), "big"), thumb


def differing_bits(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """How many bits of two uint64 arrays differ, element by element."""
    bits = first ^ second
    bits = bits - ((bits >> np.uint64(1)) & np.uint64(0x5555555555555555))
    bits = (bits & np.uint64(0x3333333333333333)) + ((bits >> np.uint64(2)) & np.uint64(0x3333333333333333))
    bits = (bits + (bits >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    with np.errstate(over="ignore"):
        return (bits * np.uint64(0x0101010101010101)) >> np.uint64(56)


def is_alike(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Whether pairs of uint8 (P, 8, 9) differ by no more than saving anew changes: bool (P,)."""
    return np.abs(first.astype(np.int16) - second).sum(axis=(1, 2)) <= DIFFERENCE
