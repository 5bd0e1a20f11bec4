"""Torchvision's ResNet keys, which timm shares, to ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from cvp_core.weights import rename_keys

__all__ = ["convert"]

BASIC = {"1": "spatial", "2": "project"}
BOTTLENECK = {"1": "reduce", "2": "spatial", "3": "project"}


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """A torchvision or timm state dict of any variant of this family with our keys.

    Raises WeightsError that names a key which no ResNet has.
    """
    # The keys number the units of a block: the second of three is the 3x3, the second of two the last.
    roles = BOTTLENECK if any(re.match(r"layer1\.0\.conv3\.", key) for key in state_dict) else BASIC

    def unit(match: re.Match[str]) -> str:
        stage, block, kind, number = match.groups()
        kind = {"conv": "conv", "bn": "norm"}[kind]
        return f"stages.{int(stage) - 1}.{block}.branch.{roles[number]}.{kind}."

    return rename_keys(
        state_dict,
        (
            (r"conv1\.", "stem.unit.conv."),
            (r"bn1\.", "stem.unit.norm."),
            (rf"layer([1-4])\.(\d+)\.(conv|bn)([{''.join(roles)}])\.", unit),
            (r"layer([1-4])\.(\d+)\.downsample\.([01])\.", _shortcut),
            (r"fc\.", "head.classifier."),
        ),
    )


def _shortcut(match: re.Match[str]) -> str:
    stage, block, position = match.groups()
    kind = {"0": "conv", "1": "norm"}[position]
    return f"stages.{int(stage) - 1}.{block}.shortcut.{kind}."
