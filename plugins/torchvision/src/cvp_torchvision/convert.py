"""The keys of torchvision's published files to those of the networks that this bridge builds."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from cvp_core import foreign

__all__ = ["convert"]

AUXILIARY = ("aux1.", "aux2.", "AuxLogits.")
# Names from before the modules were rewritten, which torchvision too mends while it loads: DenseNet's units, ViT's MLP.
OLD = (
    (r"(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)", r"\1\2"),
    (r"(encoder_layer_\d+\.mlp)\.linear_1\.", r"\1.0."),
    (r"(encoder_layer_\d+\.mlp)\.linear_2\.", r"\1.3."),
)


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """torchvision's state dict, its published file's too, with our keys. Auxiliary classifiers are left out."""
    kept = {key: tensor for key, tensor in state_dict.items() if not key.startswith(AUXILIARY)}
    return foreign.convert({_renewed(key): tensor for key, tensor in kept.items()}, source)


def _renewed(key: str) -> str:
    for pattern, replacement in OLD:
        key = re.sub(pattern, replacement, key)
    return key
