"""Pictures beside what training makes of them, on one page: whether an augmentation is too mild or too wild."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from ..errors import ConfigError, DataError
from ..spec import Preprocess
from .contact_sheet import Row, draw_rows, framed, picture_tile, tile_size, title_of
from .loading import make_loader
from .sources import DataSplits, ImageSet

__all__ = ["variation_sheet", "variations"]

_FEW_CLASSES = 10  # up to here each class shows two pictures
_AT_ONCE = 16  # pictures in memory at the size that the network sees


def variation_sheet(
    data: DataSplits,
    preprocess: Preprocess,
    augment: str,
    *,
    erasing: float = 0.0,
    rows: int = 100,
    columns: int = 8,
    seed: int = 0,
) -> Image.Image:
    """An RGB page: a row for a training picture, drawn by `seed`, the picture itself and then `columns - 1` versions.

    A version is what the loader of training gives in one of the first epochs of a run with this `seed`, in the shape
    that the network sees. Two pictures a class, one where there are more than 10 classes; what is beyond `rows` is cut,
    and the caption says so. A picture that cannot be read is crossed out and has no versions.
    Raises ConfigError for another preset, and unless there is a row and a version.
    """
    if rows < 1 or columns < 2:
        raise ConfigError(f"{rows} rows and {columns} columns given; at least 1 row and 2 columns are needed")
    images = data.train
    chosen = _drawn(images.labels, len(data.classes), seed)
    shown = chosen[:rows]
    size = tile_size(len(shown))
    readable = [index for index in shown if _is_readable(images, index)]
    tiles = {index: [picture_tile(images, index, size)] for index in shown}
    for start in range(0, len(readable), _AT_ONCE):
        part = readable[start : start + _AT_ONCE]
        seen = variations(images, part, preprocess, augment, columns - 1, erasing=erasing, seed=seed)
        for index, versions in zip(part, seen, strict=True):
            tiles[index] += [framed(_image(version), size) for version in versions]
    page = [
        Row(data.classes[int(images.labels[index])], images.name(index).rpartition("/")[2], tiles[index])
        for index in shown
    ]
    height, width = preprocess.size
    caption = (
        f"the picture, then as training sees it in {columns - 1} epochs: augment {augment}, {width}x{height} pixels"
    )
    caption += f", erasing {erasing:g}" if erasing else ""
    caption += f"; the first {rows} of {len(chosen)} rows" if len(chosen) > rows else ""
    return draw_rows([title_of(data), caption], page, columns, size)


def variations(
    images: ImageSet,
    indices: Sequence[int],
    preprocess: Preprocess,
    augment: str,
    epochs: int,
    *,
    erasing: float = 0.0,
    seed: int = 0,
) -> np.ndarray:
    """uint8 (N, epochs, H, W, C): what training on the pictures of `indices` alone sees of each, epoch by epoch.

    Raises what `make_loader` raises, and DataError for a picture that cannot be read.
    """
    loader = make_loader(
        images.subset(indices), preprocess, len(indices), is_training=True, augment=augment, erasing=erasing, seed=seed
    )
    seen = np.empty((len(indices), epochs, *preprocess.size, preprocess.channels), np.uint8)
    for epoch in range(epochs):
        for (pixels, _), (places, _) in zip(loader.epoch(epoch), loader.order(epoch), strict=True):
            seen[places.numpy(), epoch] = pixels.numpy()
    return seen


def _drawn(labels: np.ndarray, classes: int, seed: int) -> list[int]:
    """Pictures of every class in turn."""
    generator = np.random.default_rng(seed)
    each = 2 if classes <= _FEW_CLASSES else 1
    return [
        int(index)
        for label in range(classes)
        for index in generator.permutation(np.flatnonzero(labels == label))[:each]
    ]


def _is_readable(images: ImageSet, index: int) -> bool:
    try:
        images.read(index)
    except DataError:
        return False
    return True


def _image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
