"""Torchvision's MobileNet keys, and timm's of MobileNetV2, to ours."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from torch import Tensor

from cvp_core.weights import rename_keys

from .layouts import V2, layout

__all__ = ["convert"]

Rules = list[tuple[str, str]]

# Blocks in each stage. Their sum tells the three networks apart; widths do not change it.
_STAGES = [[len(stage) for stage in layout(version, 1.0).stages] for version in ("v2", "v3_small", "v3_large")]


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """A torchvision state dict of any MobileNetV2 or V3, or a timm one of any MobileNetV2, with our keys.

    Raises WeightsError that names a key which none of them has. The gates' keys of timm's V3 are such: it has another
    batch-norm epsilon, so that its weights would load and then answer wrongly.
    """
    return rename_keys(state_dict, _timm() if source == "timm" else _torchvision(state_dict))


def _places(sizes: Iterable[int]) -> Iterator[str]:
    """Where each block is with us, in the order in which the blocks run."""
    for stage, size in enumerate(sizes):
        for index in range(size):
            yield f"stages.{stage}.blocks.{index}.branch."


def _torchvision(keys: Iterable[str]) -> Rules:
    """All modules count in one row: the stem is 0, blocks follow, the last convolution ends it."""
    blocks = {match[1] for key in keys if (match := re.match(r"features\.(\d+)\.(conv|block)\.", key))}
    sizes = next((sizes for sizes in _STAGES if sum(sizes) == len(blocks)), [])
    rules: Rules = [
        (r"features\.0\.0\.", "stem.conv."),
        (r"features\.0\.1\.", "stem.norm."),
        (rf"features\.{len(blocks) + 1}\.0\.", f"stages.{len(sizes) - 1}.expand.conv."),
        (rf"features\.{len(blocks) + 1}\.1\.", f"stages.{len(sizes) - 1}.expand.norm."),
        (r"classifier\.0\.", "head.hidden.0.linear."),
        (r"classifier\.[13]\.", "head.classifier."),
    ]
    for number, ours in enumerate(_places(sizes), start=1):
        theirs = rf"features\.{number}\.(?:conv|block)\."
        units = ["depthwise"] if number == 1 else ["expand", "depthwise"]  # the first block does not expand
        for position, unit in enumerate(units):
            rules.append((rf"{theirs}{position}\.0\.", f"{ours}{unit}.conv."))
            rules.append((rf"{theirs}{position}\.1\.", f"{ours}{unit}.norm."))
        after, last = len(units), len(units) + 1
        rules += [
            # V2 has the projection's convolution and norm side by side, V3 as one unit, after the gate if there is one.
            (rf"features\.{number}\.conv\.{after}\.", f"{ours}project.conv."),
            (rf"features\.{number}\.conv\.{last}\.", f"{ours}project.norm."),
            (rf"features\.{number}\.block\.{after}\.fc1\.", f"{ours}gate.reduce."),
            (rf"features\.{number}\.block\.{after}\.fc2\.", f"{ours}gate.expand."),
            (rf"features\.{number}\.block\.[{after}{last}]\.0\.", f"{ours}project.conv."),
            (rf"features\.{number}\.block\.[{after}{last}]\.1\.", f"{ours}project.norm."),
        ]
    return rules


def _timm() -> Rules:
    """Blocks count within the rows of the paper's table; norms count within a block, units have names."""
    stages = _STAGES[0]
    rules: Rules = [
        (r"conv_stem\.", "stem.conv."),
        (r"bn1\.", "stem.norm."),
        (r"conv_head\.", f"stages.{len(stages) - 1}.expand.conv."),
        (r"bn2\.", f"stages.{len(stages) - 1}.expand.norm."),
        (r"classifier\.", "head.classifier."),
    ]
    expanding = {"conv_pw": "expand", "conv_dw": "depthwise", "conv_pwl": "project"}
    first = {"conv_dw": "depthwise", "conv_pw": "project"}
    numbers = [(row, index) for row, (_, _, count, _) in enumerate(V2) for index in range(count)]
    for (row, index), ours in zip(numbers, _places(stages), strict=True):
        for norm, (conv, unit) in enumerate((expanding if row else first).items(), start=1):
            rules.append((rf"blocks\.{row}\.{index}\.{conv}\.", f"{ours}{unit}.conv."))
            rules.append((rf"blocks\.{row}\.{index}\.bn{norm}\.", f"{ours}{unit}.norm."))
    return rules
