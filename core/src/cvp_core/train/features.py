"""A frozen backbone computed once: the head trains on its features, which is the same and takes seconds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..data.loading import Loader, Normalise
from ..network import ImageClassifier
from .config import TrainConfig
from .freezing import Phase

__all__ = ["HeadOnly", "can_cache", "features_of"]

MOST_BYTES = 4 << 30


class HeadOnly(nn.Module):
    """The head of a classifier on features that were computed before: (N, ...) to logits (N, classes)."""

    def __init__(self, model: ImageClassifier) -> None:
        super().__init__()
        self.head = model.head

    def forward(self, features: Tensor) -> Tensor:
        logits: Tensor = self.head(features)
        return logits


def can_cache(model: ImageClassifier, phase: Phase, config: TrainConfig) -> bool:
    """Whether the phase trains nothing but the head, on pictures that are the same in every epoch.

    A network of another library (cvp_core.foreign) has no head that can be called by itself.
    """
    is_frozen = phase.frozen == set(model.parts.named()) - {"head"}
    is_mixed = config.mixup > 0 or config.cutmix > 0
    return config.cache_features and is_frozen and not is_mixed and type(model).forward is ImageClassifier.forward


@torch.no_grad()
def features_of(
    model: ImageClassifier, backbone: Callable[[Tensor], Tensor], loader: Loader, normalise: Normalise
) -> Tensor | None:
    """The backbone's output for all pictures of an evaluation loader, in order, on the CPU; None if there is no room.

    backbone: what computes `model.forward_features` in the run's precision. Pooled to one cell where the head gives
    the same logits for that.
    """
    parts: list[Tensor] = []
    is_pooled, count = False, 0
    for pixels, labels in loader.epoch(0):
        features = backbone(normalise(pixels))
        if not parts:
            is_pooled = _pools_first(model, features)
        if is_pooled:
            features = functional.adaptive_avg_pool2d(features, 1)
        parts.append(features.cpu())
        count += len(labels)
        if parts[0][0].numel() * 4 * loader.samples > MOST_BYTES:
            return None
    return torch.cat(parts)


def _pools_first(model: ImageClassifier, features: Tensor) -> bool:
    if features.dim() != 4 or features.shape[2:] == (1, 1):
        return False
    was_training = model.head.training
    model.head.eval()
    try:
        whole, pooled = model.head(features), model.head(functional.adaptive_avg_pool2d(features, 1))
    except RuntimeError:
        return False
    finally:
        model.head.train(was_training)
    return torch.allclose(whole, pooled, rtol=1e-3, atol=1e-4 * float(whole.abs().max()))
