"""Torchvision's and timm's RegNet keys to ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from cvp_core.weights import rename_keys

__all__ = ["convert"]

# How a block's keys begin: stage and block, in timm's both counted from 1.
BLOCK = {
    "torchvision": r"trunk_output\.block[1-4]\.block([1-4])-(\d+)\.",
    "timm": r"s([1-4])\.b(\d+)\.",
}
PARTS = {
    "f.a": "branch.reduce",
    "f.b": "branch.spatial",
    "f.c": "branch.project",
    "proj": "shortcut",
    "conv1": "branch.reduce",
    "conv2": "branch.spatial",
    "conv3": "branch.project",
    "downsample": "shortcut",
}
KINDS = {"0": "conv", "1": "norm", "conv": "conv", "bn": "norm"}
GATE = {"fc1": "reduce", "fc2": "expand"}


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """A torchvision or timm state dict of any variant of this family with our keys.

    Raises WeightsError that names a key which no RegNet has.
    """
    block, first = BLOCK[source], 1 if source == "timm" else 0

    def place(match: re.Match[str]) -> str:
        return f"stages.{int(match[1]) - 1}.{int(match[2]) - first}."

    def unit(match: re.Match[str]) -> str:
        return f"{place(match)}{PARTS[match[3]]}.{KINDS[match[4]]}."

    def gate(match: re.Match[str]) -> str:
        return f"{place(match)}branch.gate.{GATE[match[3]]}."

    return rename_keys(
        state_dict,
        (
            (r"stem\.(?:0|conv)\.", "stem.conv."),
            (r"stem\.(?:1|bn)\.", "stem.norm."),
            (block + r"(f\.[abc]|proj|conv[123]|downsample)\.([01]|conv|bn)\.", unit),
            (block + r"(?:f\.)?se\.(fc[12])\.", gate),
            (r"(?:head\.)?fc\.", "head.classifier."),
        ),
    )
