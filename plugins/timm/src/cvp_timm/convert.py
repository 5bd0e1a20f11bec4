"""The keys of timm's published files to those of the networks that this bridge builds."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from cvp_core import foreign

__all__ = ["convert"]


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """timm's state dict with our keys, without the auxiliary classifier that one file of Inception v3 has."""
    return foreign.convert({key: t for key, t in state_dict.items() if not key.startswith("AuxLogits.")}, source)
