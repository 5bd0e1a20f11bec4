"""Torchvision's and timm's ConvNeXt keys to ours."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from cvp_core.weights import rename_keys

__all__ = ["convert"]

# By torchvision's number and by timm's name.
_UNITS = {
    "block.0": "depthwise",
    "block.2": "norm",
    "block.3": "expand",
    "block.5": "project",
    "conv_dw": "depthwise",
    "norm": "norm",
    "mlp.fc1": "expand",
    "mlp.fc2": "project",
}
_DOWNSAMPLE = {"0": "norm.norm", "1": "conv"}


def _torchvision_block(match: re.Match[str]) -> str:
    """There stages have odd numbers from 1; the downsampling before a stage has the even number before it."""
    stage, index, unit = match.groups()
    return f"stages.{int(stage) // 2}.blocks.{index}.branch.{_UNITS[unit]}."


def _torchvision_scale(match: re.Match[str]) -> str:
    stage, index = match.groups()
    return f"stages.{int(stage) // 2}.blocks.{index}.branch.scale.factor"


def _torchvision_downsample(match: re.Match[str]) -> str:
    number, unit = match.groups()
    return f"stages.{int(number) // 2}.downsample.{_DOWNSAMPLE[unit]}."


def _timm_block(match: re.Match[str]) -> str:
    stage, index, unit = match.groups()
    return f"stages.{stage}.blocks.{index}.branch.{_UNITS[unit]}."


def _timm_downsample(match: re.Match[str]) -> str:
    stage, unit = match.groups()
    return f"stages.{stage}.downsample.{_DOWNSAMPLE[unit]}."


_TORCHVISION = (
    (r"features\.0\.0\.", "stem.conv."),
    (r"features\.0\.1\.", "stem.norm.norm."),
    (r"features\.([1357])\.(\d+)\.(block\.[0235])\.", _torchvision_block),
    (r"features\.([1357])\.(\d+)\.layer_scale$", _torchvision_scale),
    (r"features\.([246])\.([01])\.", _torchvision_downsample),
    (r"classifier\.0\.", "head.norm."),
    (r"classifier\.2\.", "head.classifier."),
)
_TIMM = (
    (r"stem\.0\.", "stem.conv."),
    (r"stem\.1\.", "stem.norm.norm."),
    (r"stages\.(\d)\.blocks\.(\d+)\.(conv_dw|norm|mlp\.fc1|mlp\.fc2)\.", _timm_block),
    (r"stages\.(\d)\.blocks\.(\d+)\.gamma$", r"stages.\1.blocks.\2.branch.scale.factor"),
    (r"stages\.(\d)\.downsample\.([01])\.", _timm_downsample),
    (r"head\.norm\.", "head.norm."),
    (r"head\.fc\.", "head.classifier."),
)


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """A torchvision or timm state dict of convnext_tiny, small, base or large with our keys.

    Raises WeightsError that names a key which no ConvNeXt has.
    """
    ours = rename_keys(state_dict, _TIMM if source == "timm" else _TORCHVISION)
    # Torchvision's factors are (C, 1, 1).
    return {key: tensor.flatten() if key.endswith("scale.factor") else tensor for key, tensor in ours.items()}
