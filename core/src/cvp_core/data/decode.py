"""A set's pictures as training and evaluation first see them: decoded no larger than needed, and only once.

Evaluation sees exactly what `resize_and_crop` gives, decoded in full, and a cache keeps that. Training without a cache
decodes a JPEG at the least scale at which the smallest random crop still has as many pixels as the model sees. With a
cache it decodes at the least scale, and then shrinks what is still larger by a quarter, to 1.5 times the size of the
model's input, where the smallest crop of `light` has as many pixels as are wanted. What is not larger, as most pictures
of ImageNet for a model of 224 pixels, is kept as it was decoded, pixel for pixel. Training sees the same picture in
every epoch, whether the cache had it or had no room for it, so what is learned does not depend on what the cache holds.

PSNR of random crops for 224 pixels beside Pillow's from pictures decoded in full, two photographs, mean and worst:
    as decoded, 500x375                           light 65 and 58 dB    strong 65 and 57 dB
    without a cache, 1280x854 decoded at 1/2      light 49 and 46 dB
    shrunk to 336 pixels, from 640x427 and more   light 42 and 38 dB    strong 39 and 30 dB (crops below 224 pixels)
"""

from __future__ import annotations

from itertools import chain
from math import ceil

import numpy as np
import PIL

from ..spec import Preprocess
from .cache import PictureCache
from .crop import cut
from .jpeg import DECODER, read_jpeg
from .preprocess import resize_and_crop
from .sources import FileSet, ImageSet

__all__ = ["Pictures", "shrink"]

_STORED = 1.5  # a stored picture's shorter side, in units of the model's input
_NEAR = 0.8  # what is at most 1.25 times as large is stored as it is
_WORTH = 200  # pictures: fewer are decoded within a second


class Pictures:
    """Pictures by index, for evaluation or, with `crop_side`, for random crops. Can be sent to worker processes.

    crop_side: the least share of the shorter side that a random crop keeps; None for evaluation.
    cache_gib: room on disk for all caches together. Sets in memory and small ones are not cached.
    """

    def __init__(
        self, images: ImageSet, preprocess: Preprocess, crop_side: float | None = None, cache_gib: float = 0.0
    ) -> None:
        self.images, self.preprocess = images, preprocess
        self.cache: PictureCache | None = None
        self._stored_side = 0
        self._at_least = ceil(max(preprocess.size) / crop_side) if crop_side else 0
        if cache_gib > 0 and isinstance(images, FileSet) and len(images) >= _WORTH:
            size, interpolation = f"{preprocess.size}, {preprocess.resize}", preprocess.interpolation
            if crop_side:
                self._stored_side = round(_STORED * max(preprocess.size))
                self._at_least = self._stored_side
                size, interpolation = f"shrunk to {self._stored_side}", DECODER
            kind = f"{size}, {interpolation}, {preprocess.channels}, Pillow {PIL.__version__}"
            key = chain([kind.encode()], map(images.stamp, range(len(images))))
            self.cache = PictureCache(key, len(images), preprocess.channels, int(cache_gib * 2**30))

    def evaluated(self, index: int) -> np.ndarray:
        """uint8 (H, W, C), as `resize_and_crop` gives it. Raises DataError that names an unreadable picture."""
        pixels = None if self.cache is None else self.cache.get(index)
        if pixels is None:
            pixels = resize_and_crop(self.images.read(index, self.preprocess.channels), self.preprocess)
            if self.cache is not None:
                self.cache.put(index, pixels)
        return pixels

    def whole(self, index: int) -> np.ndarray:
        """uint8 (H, W, C) that random crops are taken from. Raises DataError that names an unreadable picture."""
        if self.cache is None:
            return self._read(index)
        pixels = self.cache.get(index)
        if pixels is None:
            pixels = shrink(self._read(index), self._stored_side)
            self.cache.put(index, pixels)
        return pixels

    def _read(self, index: int) -> np.ndarray:
        channels = self.preprocess.channels
        if isinstance(self.images, FileSet):
            pixels = read_jpeg(self.images, index, channels, self._at_least)
            if pixels is not None:
                return pixels
            image = self.images.read(index, channels, self._at_least)
        else:
            image = self.images.read(index, channels)
        return np.array(image).reshape(image.height, image.width, channels)


def shrink(pixels: np.ndarray, shorter: int) -> np.ndarray:
    """uint8 (H, W, C) with its shorter side at `shorter`; the pixels themselves where it is not much more already."""
    height, width, _ = pixels.shape
    scale = shorter / min(height, width)
    if scale >= _NEAR:
        return pixels
    return cut(pixels, (0, 0, height, width), (round(height * scale), round(width * scale)), "bilinear")
