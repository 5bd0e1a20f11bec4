"""Torchvision's and timm's Vision Transformer keys to ours."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from cvp_core.weights import rename_keys

__all__ = ["convert"]

_LAYER = r"encoder\.layers\.encoder_layer_(\d+)\."
_TORCHVISION = (
    (r"conv_proj\.", "stem.conv."),
    (r"class_token$", "stem.class_token"),
    (r"encoder\.pos_embedding$", "stem.position"),
    (_LAYER + r"ln_1\.", r"stages.\1.attention.branch.norm."),
    (_LAYER + r"self_attention\.in_proj_", r"stages.\1.attention.branch.attention.qkv."),
    (_LAYER + r"self_attention\.out_proj\.", r"stages.\1.attention.branch.attention.project."),
    (_LAYER + r"ln_2\.", r"stages.\1.mlp.branch.norm."),
    # The published files write linear_1 and linear_2 where today's module has 0 and 3.
    (_LAYER + r"mlp\.(?:0|linear_1)\.", r"stages.\1.mlp.branch.expand."),
    (_LAYER + r"mlp\.(?:3|linear_2)\.", r"stages.\1.mlp.branch.project."),
    (r"encoder\.ln\.", "head.norm."),
    (r"heads\.head\.", "head.classifier."),
)
_TIMM = (
    (r"patch_embed\.proj\.", "stem.conv."),
    (r"cls_token$", "stem.class_token"),
    (r"pos_embed$", "stem.position"),
    (r"blocks\.(\d+)\.norm1\.", r"stages.\1.attention.branch.norm."),
    (r"blocks\.(\d+)\.attn\.qkv\.", r"stages.\1.attention.branch.attention.qkv."),
    (r"blocks\.(\d+)\.attn\.proj\.", r"stages.\1.attention.branch.attention.project."),
    (r"blocks\.(\d+)\.norm2\.", r"stages.\1.mlp.branch.norm."),
    (r"blocks\.(\d+)\.mlp\.fc1\.", r"stages.\1.mlp.branch.expand."),
    (r"blocks\.(\d+)\.mlp\.fc2\.", r"stages.\1.mlp.branch.project."),
    (r"norm\.", "head.norm."),
    (r"head\.", "head.classifier."),
)


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """A torchvision or timm (vit_base_patch16_224 and its like) state dict with our keys.

    Raises WeightsError that names a key which no Vision Transformer has.
    """
    return rename_keys(state_dict, _TIMM if source == "timm" else _TORCHVISION)
