"""Torchvision's EfficientNet keys, timm's of B0 to B4 and of Lite, and EfficientNet-PyTorch's of Lite, to ours."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from torch import Tensor

from cvp_core.weights import rename_keys

__all__ = ["convert"]

Rules = list[tuple[str, str | Callable[[re.Match[str]], str]]]

# What the units of a block are, by how many there are: fused without and with expansion, MBConv without and with it.
_UNITS = {
    1: ("spatial",),
    2: ("spatial", "project"),
    3: ("depthwise", "gate", "project"),
    4: ("expand", "depthwise", "gate", "project"),
}
_PARTS = {"0": "conv", "1": "norm", "fc1": "reduce", "fc2": "expand"}

# timm numbers the norms of a block and names its convolutions. The first stage expands nothing; of B0 to B4 it has two
# blocks at most, so that the third one of B5 to B7 is the key that is refused.
_FIRST = {
    "conv_dw": "depthwise.conv",
    "bn1": "depthwise.norm",
    "conv_pw": "project.conv",
    "bn2": "project.norm",
}
_EXPANDING = {
    "conv_pw": "expand.conv",
    "bn1": "expand.norm",
    "conv_dw": "depthwise.conv",
    "bn2": "depthwise.norm",
    "conv_pwl": "project.conv",
    "bn3": "project.norm",
}
_TIMM: Rules = [
    (r"conv_stem\.", "stem.conv."),
    (r"bn1\.", "stem.norm."),
    (r"blocks\.(\d)\.(\d+)\.se\.conv_(reduce|expand)\.", r"stages.\1.blocks.\2.branch.gate.\3."),
    *((rf"blocks\.0\.([01])\.{unit}\.", rf"stages.0.blocks.\1.branch.{ours}.") for unit, ours in _FIRST.items()),
    *(
        (rf"blocks\.([1-6])\.(\d+)\.{unit}\.", rf"stages.\1.blocks.\2.branch.{ours}.")
        for unit, ours in _EXPANDING.items()
    ),
    (r"conv_head\.", "stages.6.expand.conv."),
    (r"bn2\.", "stages.6.expand.norm."),
    (r"classifier\.", "head.classifier."),
]

# EfficientNet-PyTorch's: the norm of an expansion is 0, so that those of the other units keep their numbers without it.
_UNNUMBERED = {
    "_expand_conv": "expand.conv",
    "_bn0": "expand.norm",
    "_depthwise_conv": "depthwise.conv",
    "_bn1": "depthwise.norm",
    "_project_conv": "project.conv",
    "_bn2": "project.norm",
}


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """With our keys: torchvision's state dict of any B or V2, timm's of B0 to B4 or Lite, or EfficientNet-PyTorch's.

    timm's are `efficientnet_b*` and `tf_efficientnet_lite*`: with the other prefix the keys are the same, but padding
    and epsilon, which no key shows, are not. timm's B5 to B7 have another epsilon than torchvision's and are refused.
    "efficientnet-pytorch" stands for the Lite networks alone: its B networks pad in another way than ours.
    Raises WeightsError that names a key which belongs to none of them.
    """
    if source == "efficientnet-pytorch":
        return rename_keys(state_dict, _efficientnet_pytorch(state_dict))
    return rename_keys(state_dict, _TIMM if source == "timm" else _torchvision(state_dict))


def _efficientnet_pytorch(state_dict: Mapping[str, Tensor]) -> Rules:
    """Its blocks are counted through all stages. The first one of a stage is where the width changes."""
    widths = {
        int(match[1]): len(tensor)
        for key, tensor in state_dict.items()
        if (match := re.fullmatch(r"_blocks\.(\d+)\._project_conv\.weight", key))
    }
    places: dict[int, tuple[int, int]] = {}
    stage, block = -1, 0
    for number in sorted(widths):
        is_first = widths[number] != widths.get(number - 1)
        stage, block = (stage + 1, 0) if is_first else (stage, block + 1)
        places[number] = (stage, block)

    def unit(match: re.Match[str]) -> str:
        stage, block = places.get(int(match[1]), (0, 0))
        return f"stages.{stage}.blocks.{block}.branch.{_UNNUMBERED[match[2]]}."

    return [
        (r"_conv_stem\.", "stem.conv."),
        (r"_bn0\.", "stem.norm."),
        (rf"_blocks\.(\d+)\.({'|'.join(_UNNUMBERED)})\.", unit),
        (r"_conv_head\.", "stages.6.expand.conv."),
        (r"_bn1\.", "stages.6.expand.norm."),
        (r"_fc\.", "head.classifier."),
    ]


def _torchvision(keys: Iterable[str]) -> Rules:
    """The stem is features.0, then come the stages, then the last convolution; the units of a block have numbers."""
    counts = _unit_counts(keys)
    last = max((int(stage) for stage, _ in counts), default=0)

    def unit(match: re.Match[str]) -> str:
        stage, block, number, part = match.groups()
        role = _UNITS[counts[stage, block]][int(number)]
        return f"stages.{int(stage) - 1}.blocks.{block}.branch.{role}.{_PARTS[part]}."

    return [
        (r"features\.0\.0\.", "stem.conv."),
        (r"features\.0\.1\.", "stem.norm."),
        (r"features\.(\d+)\.(\d+)\.block\.([0-3])\.(0|1|fc1|fc2)\.", unit),
        (rf"features\.{last + 1}\.0\.", f"stages.{last - 1}.expand.conv."),
        (rf"features\.{last + 1}\.1\.", f"stages.{last - 1}.expand.norm."),
        (r"classifier\.1\.", "head.classifier."),
    ]


def _unit_counts(keys: Iterable[str]) -> dict[tuple[str, str], int]:
    """How many units each (stage, block) has."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for key in keys:
        if match := re.match(r"features\.(\d+)\.(\d+)\.block\.([0-3])\.", key):
            stage, block, number = match.groups()
            counts[stage, block] = max(counts[stage, block], int(number) + 1)
    return counts
