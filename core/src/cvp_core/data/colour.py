"""Brightness, contrast and colour of a batch, varied in one matrix product on the device that the batch is on."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..machine import computing_threads

__all__ = ["NEAR", "Tinted", "draw_factors", "mean_grey"]

NEAR = 1 << 18  # numbers, 1 MiB, that stay in a CPU's cache for all that is done to them

_GREY = (0.299, 0.587, 0.114)  # luma of ITU-R BT.601, as Pillow's "L" has it
# Pixels in a row of the product: with one alone, (N, 3) times (3, 3), it takes five times as long.
_TOGETHER = range(4, 17)


class Tinted(NamedTuple):
    """A batch whose colours are still to be varied: so workers hand on bytes, and a few numbers a picture.

    pixels: uint8 (N, H, W, 3). factors: float32 (N, 4): of brightness, contrast and saturation, as torchvision's
    adjust_brightness, adjust_contrast and adjust_saturation mean them, and the mean grey of the picture, 0 to 255.

    Brightness scales x, contrast moves it from the mean grey m, saturation from the pixel's own grey g(x):
    y = b (c (s x + (1 - s) g(x)) + (1 - c) m), whichever comes first, for g(x) is linear and keeps greys as they are.
    torchvision rounds and clips to 0..255 after each of them, here it is clipped once, at the end: a colour that was
    too bright for a moment comes back, where torchvision has lost it.
    """

    pixels: Tensor
    factors: Tensor

    def scaled(self, offset: Tensor, scale: Tensor) -> Tensor:
        """float32 (N, H, W, 3) where `offset` is: the varied colours, 0 to 255, less `offset` (3), over `scale` (3)."""
        pixels, factors = (part.to(offset.device, non_blocking=True) for part in self)
        count, height, width, _ = pixels.shape
        together = next((number for number in _TOGETHER if width % number == 0), 1)
        blocks, shifts = _products(factors, offset, scale, together)
        shifts = shifts.repeat(1, width)
        least, most = (((level - offset) / scale).repeat(width) for level in (0, 255))
        rows = pixels.reshape(count, height, 3 * width)
        if offset.device.type != "cpu":
            result = torch.bmm(rows.float().view(count, -1, 3 * together), blocks).view(rows.shape)
            result.add_(shifts[:, None]).clamp_(least, most)
        else:
            result = torch.empty(rows.shape)
            at_once = max(1, NEAR // (3 * width))
            with computing_threads(1):  # where workers have the cores, threads would compute while they wait
                for own, whole, block, shift in zip(result, rows, blocks, shifts, strict=True):
                    for part, given in zip(own.split(at_once), whole.split(at_once), strict=True):
                        torch.mm(given.float().view(-1, 3 * together), block, out=part.view(-1, 3 * together))
                        part.add_(shift).clamp_(least, most)
        return result.view(count, height, width, 3)

    def shown(self) -> Tensor:
        """uint8 (N, H, W, 3), the varied colours, where `pixels` is."""
        nothing, one = torch.zeros(3, device=self.pixels.device), torch.ones(3, device=self.pixels.device)
        return self.scaled(nothing, one).round_().to(torch.uint8)


def draw_factors(amount: float, draws: Random) -> tuple[float, float, float]:
    """Of brightness, contrast and saturation, each from 1 - amount to 1 + amount."""
    least, most = 1 - amount, 1 + amount
    return draws.uniform(least, most), draws.uniform(least, most), draws.uniform(least, most)


def mean_grey(pixels: np.ndarray) -> float:
    """The mean grey of uint8 (H, W, 3), 0 to 255, from every fourth row: a level off at the most."""
    rows = pixels[::4].reshape(-1, 3 * pixels.shape[1])
    # Rows first: sums of three would take ten times as long.
    colours = rows.sum(0, dtype=np.uint32).reshape(-1, 3).sum(0)
    return float(colours @ _GREY) * 3 / rows.size


def _products(factors: Tensor, offset: Tensor, scale: Tensor, together: int) -> tuple[Tensor, Tensor]:
    """By picture: what rows of `together` pixels are multiplied with from the right; what is then added to a pixel."""
    brightness, contrast, saturation, mean = factors.unbind(1)
    own = (brightness * contrast * saturation)[:, None, None] * torch.eye(3, device=factors.device)
    grey = (brightness * contrast * (1 - saturation))[:, None, None] * factors.new_tensor(_GREY)[:, None]
    blocks = factors.new_zeros(len(factors), together, 3, together, 3)
    blocks.diagonal(dim1=1, dim2=3).copy_(((own + grey) / scale)[..., None])
    shifts = ((brightness * (1 - contrast) * mean)[:, None] - offset) / scale
    return blocks.view(len(factors), 3 * together, 3 * together), shifts
