"""The pictures on which candidates are compared: a person's own, or made up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["PICTURES", "Sample", "sample_pictures"]

PICTURES = 32


@dataclass(frozen=True)
class Sample:
    """Pictures such as the model will get, float32 (N, channels, height, width), normalised.

    pictures: answers are compared on the first of them. calibration: others, on which a compiler measures what it
    rounds. labels: int64 (N) of `pictures`, classes by index; None where nobody knows them.
    """

    pictures: np.ndarray
    calibration: np.ndarray
    labels: np.ndarray | None = None


def sample_pictures(size: tuple[int, int, int], count: int = PICTURES) -> np.ndarray:
    """Smooth colours with grain, float32 (count, channels, height, width), normalised; the same for the same size."""
    channels, height, width = size
    random = np.random.default_rng(0)
    coarse = random.normal(size=(count, channels, 5, 5)).astype(np.float32)
    rows = np.linspace(0, 3.999, height)
    columns = np.linspace(0, 3.999, width)
    r, c = rows.astype(int), columns.astype(int)
    down, right = (rows - r)[:, None].astype(np.float32), (columns - c)[None, :].astype(np.float32)
    upper = coarse[:, :, r][:, :, :, c] * (1 - right) + coarse[:, :, r][:, :, :, c + 1] * right
    lower = coarse[:, :, r + 1][:, :, :, c] * (1 - right) + coarse[:, :, r + 1][:, :, :, c + 1] * right
    smooth = upper * (1 - down) + lower * down
    grain = random.normal(scale=0.2, size=(count, channels, height, width)).astype(np.float32)
    return np.ascontiguousarray(smooth + grain, dtype=np.float32)
