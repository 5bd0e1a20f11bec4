"""timm's DPN keys to ours. Torchvision has no DPN."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor

from cvp_core.weights import rename_keys

__all__ = ["convert"]

_PARTS = {
    "c1x1_w_s1": "shortcut",  # the first block of the first stage
    "c1x1_w_s2": "shortcut",  # the first block of a later stage, stride 2
    "c1x1_a": "branch.reduce",
    "c3x3_b": "branch.spatial",
    "c1x1_c": "branch.project",
}
_KINDS = {"bn": "norm", "conv": "conv"}


def _block(match: re.Match[str]) -> str:
    """Stages count from 2 and blocks from 1 there, both from 0 here."""
    stage, block, part, kind = match.groups()
    return f"stages.{int(stage) - 2}.layers.{int(block) - 1}.{_PARTS[part]}.{_KINDS[kind]}."


_RULES = (
    (r"features\.conv1_1\.conv\.", "stem.unit.conv."),
    (r"features\.conv1_1\.bn\.", "stem.unit.norm."),
    (r"features\.conv5_bn_ac\.bn\.", "stages.3.norm."),
    (r"features\.conv([2-5])_(\d+)\.(c1x1_w_s[12]|c1x1_a|c3x3_b|c1x1_c)\.(bn|conv)\.", _block),
    (r"classifier\.", "head.classifier."),
)


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """A timm state dict of dpn68, 68b, 92, 98, 107 or 131 with our keys.

    DPN-68b's two last convolutions of a block become one, the 1x1 convolution that classifies a matrix.
    Raises WeightsError that names a key which no DPN has.
    """
    state = dict(state_dict)
    for key in state_dict:
        to_dense = key.replace(".c1x1_c1.", ".c1x1_c2.")
        if to_dense != key and to_dense in state:
            joined = [state.pop(key), state.pop(to_dense)]
            state[key.replace(".c1x1_c1.", ".c1x1_c.conv.")] = torch.cat(joined)
    if "classifier.weight" in state:
        state["classifier.weight"] = state["classifier.weight"].flatten(1)
    return rename_keys(state, _RULES)
