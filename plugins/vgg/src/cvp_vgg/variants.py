"""VGG's variants as one table: configurations A, B, D and E of table 1 in arXiv:1409.1556."""

from __future__ import annotations

from pathlib import Path

from cvp_core import ModelSpec, Paper
from cvp_core.weights import read_weights

__all__ = ["SPECS"]

PAPER = Paper(
    "Very Deep Convolutional Networks for Large-Scale Image Recognition",
    arxiv="1409.1556",
    authors="Simonyan, Zisserman",
    year=2014,
)

# 3x3 convolutions in each of the five blocks between the poolings.
LAYERS = {
    "A": (1, 1, 2, 2, 2),
    "B": (2, 2, 2, 2, 2),
    "D": (2, 2, 3, 3, 3),
    "E": (2, 2, 4, 4, 4),
}

# name: (configuration, batch norm, head, parameters, MACs at 224x224 with 1000 classes)
# The nets with batch norm are torchvision's. vgg16_linear answers with one linear layer from the 7x7 map, the
# usual way to transfer VGG-16 to a few classes: 14,764,866 parameters with two of them, 50,178 in the head.
MODELS = {
    "vgg11": ("A", False, "mlp", 132_863_336, 7_609_090_048),
    "vgg11_bn": ("A", True, "mlp", 132_868_840, 7_609_090_048),
    "vgg13": ("B", False, "mlp", 133_047_848, 11_308_466_176),
    "vgg13_bn": ("B", True, "mlp", 133_053_736, 11_308_466_176),
    "vgg16": ("D", False, "mlp", 138_357_544, 15_470_264_320),
    "vgg16_bn": ("D", True, "mlp", 138_365_992, 15_470_264_320),
    "vgg16_linear": ("D", False, "linear", 39_803_688, 15_371_718_656),
    "vgg19": ("E", False, "mlp", 143_667_240, 19_632_062_464),
    "vgg19_bn": ("E", True, "mlp", 143_678_248, 19_632_062_464),
}

WEIGHTS = read_weights(Path(__file__).with_name("weights.json"))


def _spec(name: str, configuration: str, has_norm: bool, head: str, parameters: int, macs: int) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="vgg",
        builder="cvp_vgg.model:build",
        converter="cvp_vgg.convert:convert",
        layouts={} if name == "vgg16_linear" else {"torchvision": name, "timm": name},
        weights=WEIGHTS.get(name, ()),
        variant={"layers": LAYERS[configuration], "has_norm": has_norm, "head": head},
        parameters=parameters,
        macs=macs,
        paper=PAPER,
        licence="Apache-2.0",
        min_size=32,  # five halvings
        default=name == "vgg16",
    )


SPECS = tuple(_spec(name, *row) for name, row in MODELS.items())
