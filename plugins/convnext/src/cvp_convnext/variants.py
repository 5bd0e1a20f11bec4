"""ConvNeXt's variants as one table: the four networks of arXiv:2201.03545, sec. 3, that torchvision has."""

from __future__ import annotations

from pathlib import Path

from cvp_core import ModelSpec, Paper, Preprocess
from cvp_core.weights import read_weights

__all__ = ["SPECS"]

PAPER = Paper(
    "A ConvNet for the 2020s",
    arxiv="2201.03545",
    authors="Liu, Mao, Wu, Feichtenhofer, Darrell, Xie",
    year=2022,
)

# name: (blocks B in each stage, channels C of each stage, drop rate of the last block, resize, parameters, MACs)
# at 224x224 with 1000 classes. Drop rates are those of the paper's table 5, resize is that of torchvision's weights.
VARIANTS = {
    "convnext_tiny": ((3, 3, 9, 3), (96, 192, 384, 768), 0.1, 236, 28_589_128, 4_455_531_264),
    "convnext_small": ((3, 3, 27, 3), (96, 192, 384, 768), 0.4, 230, 50_223_688, 8_683_712_256),
    "convnext_base": ((3, 3, 27, 3), (128, 256, 512, 1024), 0.5, 232, 88_591_464, 15_354_729_472),
    "convnext_large": ((3, 3, 27, 3), (192, 384, 768, 1536), 0.5, 232, 197_767_336, 34_361_433_600),
}

WEIGHTS = read_weights(Path(__file__).with_name("weights.json"))


def _spec(
    name: str,
    blocks: tuple[int, ...],
    channels: tuple[int, ...],
    drop: float,
    resize: int,
    parameters: int,
    macs: int,
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="convnext",
        builder="cvp_convnext.model:build",
        converter="cvp_convnext.convert:convert",
        layouts={"torchvision": name, "timm": name},
        weights=WEIGHTS.get(name, ()),
        variant={"blocks": blocks, "channels": channels, "drop": drop},
        preprocess=Preprocess(resize=resize),
        parameters=parameters,
        macs=macs,
        paper=PAPER,
        licence="Apache-2.0",
        min_size=32,  # a quarter, then three halvings
        default=name == "convnext_tiny",
    )


SPECS = tuple(_spec(name, *row) for name, row in VARIANTS.items())
