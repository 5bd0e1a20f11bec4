"""Two pictures in one, and their labels in the same proportion: mixup and CutMix."""

from __future__ import annotations

from math import sqrt

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ..errors import ConfigError

__all__ = ["Mixing"]


class Mixing:
    """Mixes each picture of a batch with another one of it; with both alphas, each batch draws which way.

    mixup: alpha of Beta(alpha, alpha), which the weight of the first picture is drawn from (arXiv:1710.09412); 0: none.
    cutmix: the same for the area that the first picture keeps around a rectangle of the second (arXiv:1905.04899).
    The whole batch has one weight, as in both papers' code; torchvision's v2.MixUp and v2.CutMix compute the
    same, but draw from the global generator and always take the batch's neighbour.
    Raises ConfigError for a negative alpha.
    """

    def __init__(self, mixup: float, cutmix: float, num_classes: int) -> None:
        for name, alpha in (("mixup", mixup), ("cutmix", cutmix)):
            if alpha < 0:
                raise ConfigError(f"{name} is {alpha}; allowed is at least 0, such as 0.2")
        self.num_classes = num_classes
        self.ways = [(way, alpha) for way, alpha in ((_mixed, mixup), (_cut, cutmix)) if alpha > 0]

    def __call__(self, images: Tensor, labels: Tensor, seed_key: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
        """New images like the given float (N, C, H, W), and float32 (N, classes) whose rows add up to 1.

        labels: int64 (N). seed_key: (seed, epoch, step), which decides everything; no other generator is touched.
        """
        targets = functional.one_hot(labels, self.num_classes).to(torch.float32)
        if not self.ways:
            return images, targets
        generator = np.random.default_rng(seed_key)
        mix, alpha = self.ways[generator.integers(len(self.ways))]
        weight = float(generator.beta(alpha, alpha))
        partners = torch.from_numpy(generator.permutation(len(images))).to(images.device)
        mixed, weight = mix(images, images[partners], weight, generator)
        return mixed, torch.lerp(targets[partners], targets, weight)


def _mixed(first: Tensor, second: Tensor, weight: float, _: np.random.Generator) -> tuple[Tensor, float]:
    return torch.lerp(second, first, weight), weight


def _cut(first: Tensor, second: Tensor, weight: float, generator: np.random.Generator) -> tuple[Tensor, float]:
    """A rectangle of the picture's aspect around any point, cut off at the edges; and the share that is left."""
    height, width = first.shape[2:]
    side = sqrt(1 - weight)
    spans = []
    for length in (height, width):
        centre, extent = int(generator.integers(length)), int(side * length)
        spans.append((max(0, centre - extent // 2), min(length, centre - extent // 2 + extent)))
    (top, bottom), (left, right) = spans
    result = first.clone()
    result[:, :, top:bottom, left:right] = second[:, :, top:bottom, left:right]
    return result, 1 - (bottom - top) * (right - left) / (height * width)
