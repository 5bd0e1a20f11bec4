"""Torchvision's AlexNet keys to ours. The other nets have no public weights."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from cvp_core.weights import rename_keys

__all__ = ["convert"]

_STAGE_OF = {"0": 0, "3": 1, "6": 2, "8": 3, "10": 4}
_HIDDEN_OF = {"1": 0, "4": 1}


def _stage(match: re.Match[str]) -> str:
    return f"stages.{_STAGE_OF[match[1]]}.conv."


def _hidden(match: re.Match[str]) -> str:
    return f"head.hidden.{_HIDDEN_OF[match[1]]}.linear."


_RULES = (
    (r"features\.(0|3|6|8|10)\.", _stage),
    (r"classifier\.([14])\.", _hidden),
    (r"classifier\.6\.", "head.classifier."),
)


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """Torchvision's state dict of alexnet with our keys. Raises WeightsError that names any other key."""
    return rename_keys(state_dict, _RULES)
