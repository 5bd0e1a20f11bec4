"""MobileNet's variants as one table: torchvision's three models and timm's widths of MobileNetV2.

What `version` and `width` stand for is in `layouts`.
"""

from __future__ import annotations

from pathlib import Path

from cvp_core import ModelSpec, Paper, Preprocess
from cvp_core.weights import read_weights

__all__ = ["SPECS"]

V2 = Paper(
    "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
    arxiv="1801.04381",
    authors="Sandler, Howard, Zhu, Zhmoginov, Chen",
    year=2018,
)
V3 = Paper(
    "Searching for MobileNetV3",
    arxiv="1905.02244",
    authors="Howard, Sandler, Chu, Chen, Chen, Tan, Wang, Zhu, Pang, Vasudevan, Le, Adam",
    year=2019,
)

# name: (version, width, resize, interpolation, parameters, MACs at 224x224 with 1000 classes)
# Resize and interpolation are those of the newest weights of torchvision, for the other widths of timm.
VARIANTS = {
    "mobilenet_v2": ("v2", 1.0, 232, "bilinear", 3_504_872, 300_774_272),
    "mobilenetv2_050": ("v2", 0.5, 256, "bicubic", 1_968_680, 97_131_840),
    "mobilenetv2_075": ("v2", 0.75, 256, "bicubic", 2_636_424, 209_069_792),
    "mobilenetv2_140": ("v2", 1.4, 256, "bicubic", 6_108_776, 582_195_824),
    "mobilenet_v3_small": ("v3_small", 1.0, 256, "bilinear", 2_542_856, 56_510_400),
    "mobilenet_v3_large": ("v3_large", 1.0, 232, "bilinear", 5_483_032, 216_589_760),
}

# timm's V3 has another batch-norm epsilon.
LAYOUTS = {
    "mobilenet_v2": {"torchvision": "mobilenet_v2", "timm": "mobilenetv2_100"},
    **{name: {"timm": name} for name in VARIANTS if name.startswith("mobilenetv2_")},
    **{name: {"torchvision": name} for name in VARIANTS if name.startswith("mobilenet_v3_")},
}

WEIGHTS = read_weights(Path(__file__).with_name("weights.json"))


def _spec(
    name: str, version: str, width: float, resize: int, interpolation: str, parameters: int, macs: int
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="mobilenet",
        builder="cvp_mobilenet.model:build",
        converter="cvp_mobilenet.convert:convert",
        layouts=LAYOUTS[name],
        weights=WEIGHTS.get(name, ()),
        variant={"version": version, "width": width},
        preprocess=Preprocess(resize=resize, interpolation=interpolation),
        parameters=parameters,
        macs=macs,
        paper=V2 if version == "v2" else V3,
        licence="Apache-2.0",
        min_size=1,  # every stride pads, so that one pixel stays one pixel
        default=name == "mobilenet_v2",
    )


SPECS = tuple(_spec(name, *row) for name, row in VARIANTS.items())
