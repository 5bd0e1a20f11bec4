"""Torchvision's DenseNet keys, which timm shares, to ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from cvp_core.weights import rename_keys

__all__ = ["convert"]


def _layer(match: re.Match[str]) -> str:
    """Blocks and layers count from 1 there and from 0 here; unit 1 is the 1x1, unit 2 the 3x3 convolution."""
    block, layer, kind, unit = match.groups()
    role = {"1": "reduce", "2": "spatial"}[unit]
    return f"stages.{int(block) - 1}.layers.{int(layer) - 1}.branch.{role}.{kind}."


_RULES = (
    (r"features\.conv0\.", "stem.unit.conv."),
    (r"features\.norm0\.", "stem.unit.norm."),
    (r"features\.norm5\.", "stages.3.norm."),
    (r"features\.transition([1-3])\.(norm|conv)\.", r"stages.\1.transition.unit.\2."),
    # The published files of 2017 write norm.1 where today's module has norm1.
    (r"features\.denseblock([1-4])\.denselayer(\d+)\.(norm|conv)\.?([12])\.", _layer),
    (r"classifier\.", "head.classifier."),
)


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """A torchvision or timm state dict of densenet121, 161, 169, 201 or 264 with our keys.

    Raises WeightsError that names a key which no DenseNet has.
    """
    return rename_keys(state_dict, _RULES)
