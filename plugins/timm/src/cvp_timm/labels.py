"""The names of classes beyond ImageNet's thousand: WordNet's words, in the order in which timm's weights count them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    from timm.data import ImageNetInfo

__all__ = ["imagenet_12k", "imagenet_21k_goog", "imagenet_21k_miil", "imagenet_22k", "imagenet_22k_ms"]


def _names(subset: str) -> tuple[str, ...]:
    return tuple(ImageNetInfo(subset).label_descriptions())


imagenet_12k: Callable[[], tuple[str, ...]] = partial(_names, "imagenet-12k")
imagenet_21k_goog: Callable[[], tuple[str, ...]] = partial(_names, "imagenet-21k-goog")
imagenet_21k_miil: Callable[[], tuple[str, ...]] = partial(_names, "imagenet-21k-miil")
imagenet_22k: Callable[[], tuple[str, ...]] = partial(_names, "imagenet-22k")
imagenet_22k_ms: Callable[[], tuple[str, ...]] = partial(_names, "imagenet-22k-ms")
