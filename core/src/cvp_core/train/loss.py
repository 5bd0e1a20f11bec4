"""What a batch is trained for: cross-entropy, with mixed pictures, smoothed labels and weighed classes."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .config import TrainConfig
from .mixing import Mixing

__all__ = ["Loss", "balanced_weights", "make_loss"]


class Loss:
    """Cross-entropy of logits (N, classes) with classes (N) or shares of classes (N, classes), mixed by `mixing`.

    class_weights: (classes), or None.
    """

    def __init__(self, mixing: Mixing | None, label_smoothing: float, class_weights: Tensor | None) -> None:
        self.mixing, self.label_smoothing, self.class_weights = mixing, label_smoothing, class_weights

    def mixed(self, images: Tensor, labels: Tensor, key: tuple[int, int, int]) -> tuple[Tensor, Tensor]:
        """What the network gets and what it is to answer; `key` fixes what is drawn."""
        return (images, labels) if self.mixing is None else self.mixing(images, labels, key)

    def __call__(self, logits: Tensor, target: Tensor) -> Tensor:
        return functional.cross_entropy(logits, target, weight=self.class_weights, label_smoothing=self.label_smoothing)


def make_loss(config: TrainConfig, labels: np.ndarray, classes: int, device: torch.device) -> Loss:
    """As the settings say, for training pictures of these labels, int64 (N)."""
    mixing = Mixing(config.mixup, config.cutmix, classes) if config.mixup > 0 or config.cutmix > 0 else None
    weights = balanced_weights(labels, classes).to(device) if config.class_weights == "balanced" else None
    return Loss(mixing, config.label_smoothing, weights)


def balanced_weights(labels: np.ndarray, classes: int) -> Tensor:
    """float32 (classes): samples / (classes * samples of the class), as scikit-learn's "balanced"; 0 for none."""
    counts = np.bincount(labels, minlength=classes)
    weights = np.where(counts > 0, len(labels) / (classes * np.maximum(counts, 1)), 0.0)
    return torch.from_numpy(weights.astype(np.float32))
