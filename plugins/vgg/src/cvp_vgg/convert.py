"""Torchvision's and timm's VGG keys to ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from cvp_core.weights import rename_keys

__all__ = ["convert"]

_HEAD_RULES = {
    "torchvision": (
        (r"classifier\.0\.", "head.hidden.0.linear."),
        (r"classifier\.3\.", "head.hidden.1.linear."),
        (r"classifier\.6\.", "head.classifier."),
        (r"classifier\.(?=weight|bias)", "head.classifier."),  # one linear layer in place of the three
    ),
    "timm": (
        (r"pre_logits\.fc1\.", "head.hidden.0.linear."),
        (r"pre_logits\.fc2\.", "head.hidden.1.linear."),
        (r"head\.fc\.", "head.classifier."),
    ),
}


def _feature_rules(state_dict: Mapping[str, Tensor]) -> list[tuple[str, str]]:
    """Where each convolution is, read from the gaps between their numbers: a pooling makes one wider."""
    convolutions = sorted(
        int(match[1])
        for key, tensor in state_dict.items()
        if (match := re.fullmatch(r"features\.(\d+)\.weight", key)) and tensor.ndim == 4
    )
    step = 3 if "features.1.weight" in state_dict else 2  # convolution, perhaps norm, activation
    rules: list[tuple[str, str]] = []
    stage = layer = 0
    for position, number in enumerate(convolutions):
        if position:
            has_pool_before = number - convolutions[position - 1] > step
            stage, layer = (stage + 1, 0) if has_pool_before else (stage, layer + 1)
        rules.append((rf"features\.{number}\.", f"stages.{stage}.layers.{layer}.conv."))
        rules.append((rf"features\.{number + 1}\.", f"stages.{stage}.layers.{layer}.norm."))
    return rules


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """A torchvision or timm state dict of any VGG with our keys; that of its features alone is taken too.

    Timm writes the hidden layers as convolutions, whose weights are flattened here. Raises WeightsError that
    names a key which no VGG has.
    """
    renamed = rename_keys(state_dict, [*_feature_rules(state_dict), *_HEAD_RULES[source]])
    return {key: tensor.flatten(1) if _is_linear(key) else tensor for key, tensor in renamed.items()}


def _is_linear(key: str) -> bool:
    return key.startswith("head.") and key.endswith(".weight")
