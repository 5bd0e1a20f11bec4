"""EfficientNet's variants as one table: torchvision's B0 to B7 and V2, timm's Lite.

What `version`, `width` and `depth` stand for is in `layouts`. All figures are from the libraries' code and default
weights; the sides too, which for B2, Lite3 and Lite4 are larger than the authors' (260, 280 and 300).
"""

from __future__ import annotations

from dataclasses import replace

from cvp_core import ModelSpec, Paper, Preprocess

__all__ = ["SPECS"]

V1 = Paper(
    "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
    arxiv="1905.11946",
    authors="Tan, Le",
    year=2019,
)
V2 = Paper("EfficientNetV2: Smaller Models and Faster Training", arxiv="2104.00298", authors="Tan, Le", year=2021)

# Pixels from -1 to 1, for the weights that come from TensorFlow.
HALF = Preprocess(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))

# Epsilon and momentum of batch norm.
TORCH = (1e-5, 0.1)
TENSORFLOW = (1e-3, 0.01)
TENSORFLOW_EPS = (1e-3, 0.1)

# name: (version, width, depth, dropout, norm)
NETWORKS = {
    "efficientnet_b0": ("b", 1.0, 1.0, 0.2, TORCH),
    "efficientnet_b1": ("b", 1.0, 1.1, 0.2, TORCH),
    "efficientnet_b2": ("b", 1.1, 1.2, 0.3, TORCH),
    "efficientnet_b3": ("b", 1.2, 1.4, 0.3, TORCH),
    "efficientnet_b4": ("b", 1.4, 1.8, 0.4, TORCH),
    "efficientnet_b5": ("b", 1.6, 2.2, 0.4, TENSORFLOW),
    "efficientnet_b6": ("b", 1.8, 2.6, 0.5, TENSORFLOW),
    "efficientnet_b7": ("b", 2.0, 3.1, 0.5, TENSORFLOW),
    "efficientnet_lite0": ("lite", 1.0, 1.0, 0.2, TENSORFLOW_EPS),
    "efficientnet_lite1": ("lite", 1.0, 1.1, 0.2, TENSORFLOW_EPS),
    "efficientnet_lite2": ("lite", 1.1, 1.2, 0.3, TENSORFLOW_EPS),
    "efficientnet_lite3": ("lite", 1.2, 1.4, 0.3, TENSORFLOW_EPS),
    "efficientnet_lite4": ("lite", 1.4, 1.8, 0.3, TENSORFLOW_EPS),
    "efficientnet_v2_s": ("v2_s", 1.0, 1.0, 0.2, TENSORFLOW_EPS),
    "efficientnet_v2_m": ("v2_m", 1.0, 1.0, 0.3, TENSORFLOW_EPS),
    "efficientnet_v2_l": ("v2_l", 1.0, 1.0, 0.4, TENSORFLOW_EPS),
}

# name: (side, resize, interpolation, parameters, MACs at that side with 1000 classes)
COSTS = {
    "efficientnet_b0": (224, 256, "bicubic", 5_288_548, 385_814_752),
    "efficientnet_b1": (240, 255, "bilinear", 7_794_184, 686_802_832),
    "efficientnet_b2": (288, 288, "bicubic", 9_109_994, 1_087_529_456),
    "efficientnet_b3": (300, 320, "bicubic", 12_233_232, 1_827_141_392),
    "efficientnet_b4": (380, 384, "bicubic", 19_341_616, 4_393_771_024),
    "efficientnet_b5": (456, 456, "bicubic", 30_389_784, 10_266_384_752),
    "efficientnet_b6": (528, 528, "bicubic", 43_040_704, 19_067_593_536),
    "efficientnet_b7": (600, 600, "bicubic", 66_347_960, 37_745_884_192),
    "efficientnet_lite0": (224, 256, "bicubic", 4_652_008, 385_187_552),
    "efficientnet_lite1": (240, 272, "bicubic", 5_416_680, 600_185_232),
    "efficientnet_lite2": (260, 292, "bicubic", 6_092_072, 859_736_272),
    "efficientnet_lite3": (300, 331, "bilinear", 8_197_096, 1_607_554_544),
    "efficientnet_lite4": (380, 413, "bilinear", 13_006_568, 3_943_564_112),
    "efficientnet_v2_s": (384, 384, "bilinear", 21_458_488, 8_365_617_152),
    "efficientnet_v2_m": (480, 480, "bilinear", 54_139_356, 24_582_460_384),
    "efficientnet_v2_l": (480, 480, "bicubic", 118_515_272, 56_079_699_008),
}


def _spec(name: str) -> ModelSpec:
    version, width, depth, dropout, norm = NETWORKS[name]
    side, resize, interpolation, parameters, macs = COSTS[name]
    scale = HALF if version in ("lite", "v2_l") else Preprocess()
    return ModelSpec(
        name=name,
        family="efficientnet",
        builder="cvp_efficientnet.model:build",
        converter="cvp_efficientnet.convert:convert",
        input_size=(3, side, side),
        variant={"version": version, "width": width, "depth": depth, "dropout": dropout, "norm": norm},
        preprocess=replace(scale, size=(side, side), resize=resize, interpolation=interpolation),
        parameters=parameters,
        macs=macs,
        paper=V2 if version.startswith("v2") else V1,
        licence="Apache-2.0",
        min_size=1,  # every stride pads, so that one pixel stays one pixel
        default=name == "efficientnet_b0",
    )


SPECS = tuple(_spec(name) for name in NETWORKS)
