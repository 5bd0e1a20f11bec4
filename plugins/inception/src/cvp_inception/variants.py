"""GoogLeNet and Inception v3: table 1 of arXiv:1409.4842, and the authors' code for arXiv:1512.00567."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cvp_core import ModelSpec, Paper, Preprocess
from cvp_core.weights import read_weights

__all__ = ["SPECS"]

AUTHORS = "Szegedy, Liu, Jia, Sermanet, Reed, Anguelov, Erhan, Vanhoucke, Rabinovich"
GOOGLENET = Paper("Going Deeper with Convolutions", arxiv="1409.4842", authors=AUTHORS, year=2014)
V3 = Paper(
    "Rethinking the Inception Architecture for Computer Vision",
    arxiv="1512.00567",
    authors="Szegedy, Vanhoucke, Ioffe, Shlens, Wojna",
    year=2015,
)

# Channels of each module, a stage a line group: 1x1, reduction, 3x3, reduction, 5x5, after the pooling.
TABLE_1 = (
    (
        (64, 96, 128, 16, 32, 32),  # 3a
        (128, 128, 192, 32, 96, 64),
    ),
    (
        (192, 96, 208, 16, 48, 64),  # 4a
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    (
        (256, 160, 320, 32, 128, 128),  # 5a
        (384, 192, 384, 48, 128, 128),
    ),
)

# name: (variant, paper, side in pixels, resize, smallest side, parameters, MACs with 1000 classes)
MODELS: dict[str, tuple[dict[str, Any], Paper, int, int, int, int, int]] = {
    "googlenet": ({"rows": TABLE_1}, GOOGLENET, 224, 256, 15, 6_624_904, 1_498_376_192),
    "inception_v3": (
        {"pool_channels": (32, 64, 64), "widths": (128, 160, 160, 192)},
        *(V3, 299, 342, 75, 23_834_568, 5_713_216_096),
    ),
}

WEIGHTS = read_weights(Path(__file__).with_name("weights.json"))


def _spec(
    name: str,
    variant: dict[str, Any],
    paper: Paper,
    side: int,
    resize: int,
    min_size: int,
    parameters: int,
    macs: int,
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="inception",
        builder=f"cvp_inception.{name}:build",
        converter="cvp_inception.convert:convert",
        layouts={"torchvision": name, "timm": name} if name == "inception_v3" else {"torchvision": name},
        weights=WEIGHTS.get(name, ()),
        input_size=(3, side, side),
        variant=variant,
        # Pixels from -1 to 1: what torchvision's transform_input makes of ImageNet's statistics.
        preprocess=Preprocess(size=(side, side), resize=resize, mean=(0.5,) * 3, std=(0.5,) * 3),
        parameters=parameters,
        macs=macs,
        paper=paper,
        licence="Apache-2.0",
        min_size=min_size,  # a pixel less, and a pooling or a convolution has nothing to read
        default=name == "inception_v3",
    )


SPECS = tuple(_spec(name, *row) for name, row in MODELS.items())
