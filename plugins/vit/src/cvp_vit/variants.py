"""The Vision Transformer's variants as one table: table 1 of arXiv:2010.11929; the names end with the patch's side."""

from __future__ import annotations

from pathlib import Path

from cvp_core import ModelSpec, Paper, Preprocess
from cvp_core.weights import read_weights

__all__ = ["SPECS"]

PAPER = Paper(
    "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale",
    arxiv="2010.11929",
    authors="Dosovitskiy, Beyer, Kolesnikov, Weissenborn, Zhai, Unterthiner, Dehghani, Minderer, Heigold, Gelly, "
    "Uszkoreit, Houlsby",
    year=2021,
)

# name: (patch side in pixels, layers, hidden size D, MLP size, heads, resize, parameters, MACs) at 224x224 with 1000
# classes. Resize is that of torchvision's weights.
VARIANTS = {
    "vit_b_16": (16, 12, 768, 3072, 12, 256, 86_567_656, 17_563_828_224),
    "vit_b_32": (32, 12, 768, 3072, 12, 256, 88_224_232, 4_409_186_304),
    "vit_l_16": (16, 24, 1024, 4096, 16, 242, 304_326_632, 61_554_712_576),
}

# timm's names of them.
TIMM = {"vit_b_16": "vit_base_patch16_224", "vit_b_32": "vit_base_patch32_224", "vit_l_16": "vit_large_patch16_224"}

WEIGHTS = read_weights(Path(__file__).with_name("weights.json"))


def _spec(
    name: str,
    patch: int,
    layers: int,
    width: int,
    mlp_width: int,
    heads: int,
    resize: int,
    parameters: int,
    macs: int,
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="vit",
        builder="cvp_vit.model:build",
        converter="cvp_vit.convert:convert",
        layouts={"torchvision": name, "timm": TIMM[name]},
        weights=WEIGHTS.get(name, ()),
        variant={"patch": patch, "layers": layers, "width": width, "mlp_width": mlp_width, "heads": heads},
        preprocess=Preprocess(resize=resize),
        parameters=parameters,
        macs=macs,
        paper=PAPER,
        licence="Apache-2.0",
        min_size=patch,
        any_size=False,  # one position embedding a patch
        default=name == "vit_b_16",
    )


SPECS = tuple(_spec(name, *row) for name, row in VARIANTS.items())
