"""timm's networks, built by timm: https://github.com/huggingface/pytorch-image-models."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from cvp_core import ImageClassifier
from cvp_core.errors import ConfigError, NotInstalledError
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

    size_argument: the keyword, `img_size`, of networks that are built for one (height, width); "none" for those that
        are built for their published size alone, "" for those that take any.
    Raises NotInstalledError where the installed timm has no such model, ConfigError for a size that it cannot take.
    """
    if not timm.is_model(name):
        raise NotInstalledError(f"timm {timm.__version__} has no '{name}'; another release has: pip install -U timm")
    channels, *sides = input_size
    sized = {size_argument: tuple(sides)} if size_argument not in ("", "none") else {}
    published = tuple(timm.get_pretrained_cfg(name).input_size[1:])
    if size_argument == "none" and tuple(sides) != published:
        raise ConfigError(
            f"timm/{name} takes pictures of {published[0]}x{published[1]} alone, given {sides[0]}x{sides[1]}"
        )
    net = timm.create_model(name, pretrained=False, num_classes=num_classes, in_chans=channels, **sized)
    return ForeignClassifier(net, parts)
