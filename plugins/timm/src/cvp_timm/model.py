"""timm's networks, built by timm: https://github.com/huggingface/pytorch-image-models."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from cvp_core import ImageClassifier
from cvp_core.errors import NotInstalledError
from cvp_core.foreign import ForeignClassifier

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # timm's own modules import each other by old names
    import timm

__all__ = ["build"]


def build(
    name: str,
    parts: Mapping[str, Any],
    size_argument: str = "",
    *,
    num_classes: int,
    input_size: tuple[int, int, int],
) -> ImageClassifier:
    """The timm model `name` with random weights.

    size_argument: the keyword, `img_size`, of networks that are built for one (height, width); "" for all others.
    Raises NotInstalledError where the installed timm has no such model.
    """
    if not timm.is_model(name):
        raise NotInstalledError(f"timm {timm.__version__} has no '{name}'; another release has: pip install -U timm")
    channels, *sides = input_size
    sized = {size_argument: tuple(sides)} if size_argument else {}
    net = timm.create_model(name, pretrained=False, num_classes=num_classes, in_chans=channels, **sized)
    return ForeignClassifier(net, parts)
