"""Torchvision's ShuffleNet V2 keys to ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from cvp_core.weights import rename_keys

__all__ = ["convert"]

# Convolutions, norms and activations count in one row; 1 is the side that we call the shortcut, 2 the branch.
ROLES = {
    "1": {"0": "depthwise.conv", "1": "depthwise.norm", "2": "project.conv", "3": "project.norm"},
    "2": {
        "0": "reduce.conv",
        "1": "reduce.norm",
        "3": "depthwise.conv",
        "4": "depthwise.norm",
        "5": "project.conv",
        "6": "project.norm",
    },
}


def _unit(match: re.Match[str]) -> str:
    stage, block, side, position = match.groups()  # stages count from 2 there, after the stem
    path = {"1": "shortcut", "2": "branch"}[side]
    return f"stages.{int(stage) - 2}.blocks.{block}.{path}.{ROLES[side][position]}."


_RULES = (
    (r"conv1\.0\.", "stem.unit.conv."),
    (r"conv1\.1\.", "stem.unit.norm."),
    (r"stage([2-4])\.(\d+)\.branch(1)\.([0-3])\.", _unit),
    (r"stage([2-4])\.(\d+)\.branch(2)\.([013-6])\.", _unit),
    (r"conv5\.0\.", "stages.2.expand.conv."),
    (r"conv5\.1\.", "stages.2.expand.norm."),
    (r"fc\.", "head.classifier."),
)


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """A torchvision state dict of any variant of this family with our keys; timm has no ShuffleNet.

    Raises WeightsError that names a key which no ShuffleNet V2 has.
    """
    return rename_keys(state_dict, _RULES)
