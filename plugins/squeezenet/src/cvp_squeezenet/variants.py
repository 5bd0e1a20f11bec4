"""SqueezeNet's variants as one table: table 1 of arXiv:1602.07360 and the authors' later version 1.1."""

from __future__ import annotations

from pathlib import Path

from cvp_core import ModelSpec, Paper
from cvp_core.weights import read_weights

__all__ = ["SPECS"]

PAPER = Paper(
    "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
    arxiv="1602.07360",
    authors="Iandola, Han, Moskewicz, Ashraf, Dally, Keutzer",
    year=2016,
)

# name: (stem channels, stem kernel, squeeze widths s1x1 of the fire modules between the poolings, smallest side,
#        parameters, MACs at 224x224 with 1000 classes)
# Version 1.1 (github.com/forresti/SqueezeNet) has a smaller stem and pools earlier: 2.4 times less to compute.
MODELS = {
    "squeezenet1_0": (96, 7, ((16, 16, 32), (32, 48, 48, 64), (64,)), 21, 1_248_424, 818_924_576),
    "squeezenet1_1": (64, 3, ((16, 16), (32, 32), (48, 48, 64, 64)), 17, 1_235_496, 349_151_936),
}

WEIGHTS = read_weights(Path(__file__).with_name("weights.json"))


def _spec(
    name: str,
    stem_channels: int,
    stem_kernel: int,
    squeeze_widths: tuple[tuple[int, ...], ...],
    min_size: int,
    parameters: int,
    macs: int,
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="squeezenet",
        builder="cvp_squeezenet.model:build",
        converter="cvp_squeezenet.convert:convert",
        layouts={"torchvision": name},
        weights=WEIGHTS.get(name, ()),
        variant={"stem_channels": stem_channels, "stem_kernel": stem_kernel, "squeeze_widths": squeeze_widths},
        parameters=parameters,
        macs=macs,
        paper=PAPER,
        licence="Apache-2.0",
        min_size=min_size,  # a pixel less, and the last pooling has nothing to read
        default=name == "squeezenet1_1",
    )


SPECS = tuple(_spec(name, *row) for name, row in MODELS.items())
