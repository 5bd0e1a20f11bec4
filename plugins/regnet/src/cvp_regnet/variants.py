"""RegNet's variants as one table: figures 15 and 16 of arXiv:2003.13678, whose w_a and w_m torchvision has exactly."""

from __future__ import annotations

from pathlib import Path

from cvp_core import ModelSpec, Paper, Preprocess
from cvp_core.weights import read_weights

__all__ = ["SPECS"]

PAPER = Paper(
    "Designing Network Design Spaces",
    arxiv="2003.13678",
    authors="Radosavovic, Kosaraju, Girshick, He, Dollár",
    year=2020,
)

# name: (depth d, (w_0, w_a, w_m), group width g, parameters, MACs at 224x224 with 1000 classes)
# The names give the MACs, in millions and thousand millions. RegNetY has gates, RegNetX has none.
VARIANTS = {
    "regnet_y_400mf": (16, (48, 27.89, 2.09), 8, 4_344_144, 401_842_848),
    "regnet_y_800mf": (14, (56, 38.84, 2.4), 16, 6_432_512, 833_856_256),
    "regnet_y_1_6gf": (27, (48, 20.71, 2.65), 24, 11_202_430, 1_612_076_160),
    "regnet_y_3_2gf": (21, (80, 42.63, 2.66), 24, 19_436_338, 3_176_482_752),
    "regnet_y_8gf": (17, (192, 76.82, 2.19), 56, 39_381_472, 8_473_070_592),
    "regnet_y_16gf": (18, (200, 106.23, 2.48), 112, 83_590_140, 15_911_510_272),
    "regnet_y_32gf": (20, (232, 115.89, 2.53), 232, 145_046_770, 32_279_552_832),
    "regnet_x_400mf": (22, (24, 24.48, 2.54), 16, 5_495_976, 413_812_608),
    "regnet_x_800mf": (16, (56, 35.73, 2.28), 16, 7_259_656, 799_699_712),
    "regnet_x_1_6gf": (18, (80, 34.01, 2.25), 24, 9_190_136, 1_602_849_792),
    "regnet_x_3_2gf": (25, (88, 26.31, 2.25), 48, 15_296_552, 3_176_621_952),
    "regnet_x_8gf": (23, (80, 49.56, 2.88), 120, 39_572_648, 7_995_132_416),
    "regnet_x_16gf": (22, (216, 55.59, 2.1), 128, 54_278_536, 15_940_755_456),
    "regnet_x_32gf": (23, (320, 69.86, 2.0), 168, 107_811_560, 31_735_929_792),
}

# timm's names of them; with _tv where timm's own net of that size has other widths.
TIMM = {
    "regnet_y_400mf": "regnety_004",
    "regnet_y_800mf": "regnety_008_tv",
    "regnet_y_1_6gf": "regnety_016",
    "regnet_y_3_2gf": "regnety_032",
    "regnet_y_8gf": "regnety_080_tv",
    "regnet_y_16gf": "regnety_160",
    "regnet_y_32gf": "regnety_320",
    "regnet_x_400mf": "regnetx_004_tv",
    "regnet_x_800mf": "regnetx_008",
    "regnet_x_1_6gf": "regnetx_016",
    "regnet_x_3_2gf": "regnetx_032",
    "regnet_x_8gf": "regnetx_080",
    "regnet_x_16gf": "regnetx_160",
    "regnet_x_32gf": "regnetx_320",
}

WEIGHTS = read_weights(Path(__file__).with_name("weights.json"))


def _spec(
    name: str, depth: int, line: tuple[int, float, float], group_width: int, parameters: int, macs: int
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="regnet",
        builder="cvp_regnet.model:build",
        converter="cvp_regnet.convert:convert",
        layouts={"torchvision": name, "timm": TIMM[name]},
        weights=WEIGHTS.get(name, ()),
        variant={
            "depth": depth,
            "line": line,
            "group_width": group_width,
            "has_gate": name.startswith("regnet_y"),
        },
        preprocess=Preprocess(resize=232),  # of torchvision's newer weights
        parameters=parameters,
        macs=macs,
        paper=PAPER,
        licence="Apache-2.0",
        min_size=1,  # every stride pads, so that one pixel stays one pixel
        default=name == "regnet_y_400mf",
    )


SPECS = tuple(_spec(name, *row) for name, row in VARIANTS.items())
