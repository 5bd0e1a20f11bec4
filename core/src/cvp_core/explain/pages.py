"""The pages that `cvp explain` writes: Grad-CAM beside its picture, first-layer filters, feature maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from PIL import Image

from .answers import Answer
from .sheet import Row, Tile, sheet

__all__ = ["cam_page", "feature_page", "filter_page"]

_PAGE_WIDTH = 1250  # pixels that a line of several pictures fills at most
_MOST_FILTERS = 256
_CHANNELS = 12  # maps shown of each part
_MAP_SIDE = 96


def cam_page(answers: Sequence[Answer], title: str) -> Image.Image:
    """Each picture that could be read, then the evidence for each class it was asked about; two or more in a line."""
    blocks = [_block(answer) for answer in answers if answer.error is None]
    width = max(sum(tile.width for tile in block) for block in blocks)
    per_line = min(len(blocks), max(1, _PAGE_WIDTH // width))
    lines = [blocks[start : start + per_line] for start in range(0, len(blocks), per_line)]
    rows = [Row(tuple(tile for block in line for tile in block)) for line in lines]
    return sheet(rows, (title, "Grad-CAM, each map in its own range: red speaks most for the class, grey not at all"))


def _block(answer: Answer) -> list[Tile]:
    assert answer.pixels is not None and answer.maps is not None  # noqa: PT018 - one fact: the picture was read
    picture = _coloured(answer.pixels)
    shown = [
        Tile(overlay(picture, heat), f"{guess.label}  {100 * guess.probability:.1f} %")
        for guess, heat in zip(answer.guesses, answer.maps, strict=True)
    ]
    return [Tile(picture, Path(*Path(answer.path).parts[-2:]).as_posix()), *shown]


def overlay(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """uint8 (H, W, 3): grey where `heat` (h, w), 0 to 1, is low, in the map's colour where it is high."""
    height, width = picture.shape[:2]
    resized = Image.fromarray(heat.astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    warmth = np.asarray(resized).clip(0, 1)[..., None]
    grey = picture.mean(axis=2, keepdims=True)
    colour = 255 * colormaps["turbo"](warmth[..., 0])[..., :3]
    share = 0.65 * warmth
    return ((1 - share) * grey + share * colour).round().astype(np.uint8)


def filter_page(filters: np.ndarray, title: str) -> Image.Image:
    """filters: float (N, height, width, channels), each scaled to its own range; 3 channels in colour, others grey."""
    count, height, width, channels = filters.shape
    shown = filters[:_MOST_FILTERS]
    if channels not in (1, 3):
        shown = shown.mean(axis=3, keepdims=True)
    times = max(1, round(56 / max(height, width)))
    columns = min(len(shown), max(8, -(-len(shown) // 8)) if len(shown) <= 128 else 16)
    tiles = [Tile(_magnified(_coloured(_scaled(one)), times)) for one in shown]
    rows = [Row(tuple(tiles[start : start + columns])) for start in range(0, len(tiles), columns)]
    facts = f"{count} filters of the first layer, {height}x{width} pixels, {channels} channels; each in its own range"
    return sheet(rows, (title, facts + (f"; the first {len(shown)} are shown" if len(shown) < count else "")), gap=4)


def feature_page(maps: dict[str, np.ndarray], picture: np.ndarray, title: str) -> Image.Image:
    """The picture, uint8 (H, W, channels), and of each part's maps (C, h, w) the most active, each in its own range."""
    rows = [Row((Tile(_fitted(_coloured(picture), 2 * _MAP_SIDE)),))]
    for part, values in maps.items():
        energies = np.square(values).mean(axis=(1, 2))
        most = np.argsort(-energies, kind="stable")[:_CHANNELS]
        tiles = [Tile(_fitted(_hot(_scaled(values[channel])), _MAP_SIDE), f"{channel}") for channel in most]
        count, height, width = values.shape
        rows.append(Row(tuple(tiles), f"{part}: {count} maps of {height}x{width}"))
    return sheet(
        rows,
        (title, f"Of each part the {_CHANNELS} maps with the greatest mean square, by number, each in its own range"),
        gap=4,
    )


def _scaled(values: np.ndarray) -> np.ndarray:
    """To uint8 over its own range; what is flat becomes mid-grey."""
    low, high = values.min(), values.max()
    if not high > low:
        return np.full(values.shape, 128, np.uint8)
    return (255 * (values - low) / (high - low)).round().astype(np.uint8)


def _coloured(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) of (H, W, 1) or (H, W, 3)."""
    return np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels


def _hot(values: np.ndarray) -> np.ndarray:
    """uint8 (H, W) as colours (H, W, 3)."""
    return (255 * colormaps["inferno"](values)[..., :3]).round().astype(np.uint8)


def _magnified(pixels: np.ndarray, times: int) -> np.ndarray:
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def _fitted(pixels: np.ndarray, side: int) -> np.ndarray:
    """With `side` pixels at the longer side, without blurring what is small."""
    height, width = pixels.shape[:2]
    size = (max(1, round(side * width / max(height, width))), max(1, round(side * height / max(height, width))))
    is_small = max(height, width) < side
    resample = Image.Resampling.NEAREST if is_small else Image.Resampling.BICUBIC
    return np.asarray(Image.fromarray(pixels).resize(size, resample))
