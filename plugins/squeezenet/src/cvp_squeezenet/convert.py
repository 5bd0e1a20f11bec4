"""Torchvision's SqueezeNet keys to ours. Timm has no SqueezeNet."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from cvp_core.weights import rename_keys

__all__ = ["convert"]

_ROLE_OF = {
    "squeeze": "reduce",
    "expand1x1": "expand.branches.pointwise",
    "expand3x3": "expand.branches.spatial",
}


def _fire_rules(state_dict: Mapping[str, Tensor]) -> list[tuple[str, str]]:
    """Where each fire module is, read from the gaps between their numbers: a pooling makes one wider."""
    found = {match[1] for key in state_dict if (match := re.match(r"features\.(\d+)\.squeeze\.", key))}
    fires = sorted(int(number) for number in found)
    rules: list[tuple[str, str]] = []
    stage = layer = 0
    for position, number in enumerate(fires):
        if position:
            has_pool_before = number - fires[position - 1] > 1
            stage, layer = (stage + 1, 0) if has_pool_before else (stage, layer + 1)
        for theirs, ours in _ROLE_OF.items():
            rules.append((rf"features\.{number}\.{theirs}\.", f"stages.{stage}.layers.{layer}.{ours}.conv."))
    return rules


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Torchvision's state dict of squeezenet1_0 or squeezenet1_1 with our keys.

    Raises WeightsError that names a key which no SqueezeNet has.
    """
    rules = [(r"features\.0\.", "stem.conv."), *_fire_rules(state_dict), (r"classifier\.1\.", "head.classifier.")]
    return rename_keys(state_dict, rules)
