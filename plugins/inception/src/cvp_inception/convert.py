"""Torchvision's GoogLeNet and Inception v3 keys to ours; timm has the same for Inception v3."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from cvp_core.weights import rename_keys

__all__ = ["convert"]

_STEM_OF = {
    # GoogLeNet
    "conv1": "first",
    "conv2": "reduce",
    "conv3": "spatial",
    # Inception v3
    "Conv2d_1a_3x3": "first",
    "Conv2d_2a_3x3": "second",
    "Conv2d_2b_3x3": "third",
    "Conv2d_3b_1x1": "expand",
    "Conv2d_4a_3x3": "spatial",
}
_KIND_OF = {"conv": "conv", "bn": "norm"}
_GOOGLENET_BRANCH_OF = {"1": "pointwise", "2": "small", "3": "large", "4": "pool"}
_V3_BRANCH_OF = {
    "branch1x1": "pointwise",
    "branch3x3": "small",
    "branch5x5": "small",
    "branch7x7": "small",
    "branch3x3dbl": "large",
    "branch7x7dbl": "large",
    "branch7x7x3": "large",
    "branch_pool": "pool.project",
}
_SIDE_OF = {"a": "branches.row.", "b": "branches.column."}


def _stem(match: re.Match[str]) -> str:
    unit, kind = match.groups()
    return f"stem.{_STEM_OF[unit]}.{_KIND_OF[kind]}."


def _googlenet(match: re.Match[str]) -> str:
    """Modules are 3a, 3b, 4a, ...; branches are numbered, and a pooling takes a number too."""
    stage, module, branch, unit, kind = match.groups()
    place = "" if unit is None else "project." if branch == "4" else f"{unit}."
    return f"{_module(stage, module, '3')}.branches.{_GOOGLENET_BRANCH_OF[branch]}.{place}{_KIND_OF[kind]}."


def _v3(match: re.Match[str]) -> str:
    """Modules are 5b, 5c, 5d, 6a, ...; units count from 1 there and from 0 here, and a lone one has no number."""
    stage, module, branch, unit, side, kind = match.groups()
    first = "b" if stage == "5" else "a"
    place = f"{int(unit) - 1}." if unit else "0." if branch == "branch3x3" else ""
    place += _SIDE_OF[side] if side else ""
    return f"{_module(stage, module, '5', first)}.branches.{_V3_BRANCH_OF[branch]}.{place}{_KIND_OF[kind]}."


def _module(stage: str, module: str, first_stage: str, first_module: str = "a") -> str:
    return f"stages.{int(stage) - int(first_stage)}.layers.{ord(module) - ord(first_module)}"


_RULES = (
    (rf"({'|'.join(_STEM_OF)})\.(conv|bn)\.", _stem),
    (r"inception([345])([a-e])\.branch([1-4])\.(?:([01])\.)?(conv|bn)\.", _googlenet),
    (rf"Mixed_([567])([a-e])\.({'|'.join(_V3_BRANCH_OF)})(?:_(\d)([ab])?)?\.(conv|bn)\.", _v3),
    (r"fc\.", "head.classifier."),
)
_AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """A torchvision state dict of googlenet or inception_v3, or a timm one of inception_v3, with our keys.

    The auxiliary classifiers' weights are left out. Raises WeightsError that names a key which neither network has.
    """
    return rename_keys({key: tensor for key, tensor in state_dict.items() if not key.startswith(_AUXILIARY)}, _RULES)
