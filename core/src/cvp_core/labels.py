"""Names of well-known classes, in the order in which networks count them."""

from __future__ import annotations

__all__ = ["imagenet"]


def imagenet() -> tuple[str, ...]:
    """The 1000 classes of ImageNet's challenge (arXiv:1409.0575) in English words, as torchvision has them."""
    from torchvision.models import ResNet50_Weights

    return tuple(ResNet50_Weights.DEFAULT.meta["categories"])
