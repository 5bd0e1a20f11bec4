"""DenseNet's variants as one table: table 1 (ImageNet) and table 2 (CIFAR) of arXiv:1608.06993."""

from __future__ import annotations

from pathlib import Path

from cvp_core import ModelSpec, Paper, Preprocess
from cvp_core.weights import read_weights

__all__ = ["SPECS"]

PAPER = Paper(
    "Densely Connected Convolutional Networks",
    arxiv="1608.06993",
    authors="Huang, Liu, van der Maaten, Weinberger",
    year=2017,
)

# Per-channel statistics of CIFAR-10's training pictures.
CIFAR = Preprocess(size=(32, 32), resize=None, mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616))

# name: (growth rate k, layers in each dense block, stem channels, parameters, MACs at 224x224 with 1000 classes)
# DenseNet-161 is the wider k = 48 net that the authors published beside the paper's table.
IMAGENET = {
    "densenet121": (32, (6, 12, 24, 16), 64, 7_978_856, 2_834_161_664),
    "densenet161": (48, (6, 12, 36, 24), 96, 28_681_000, 7_727_907_072),
    "densenet169": (32, (6, 12, 32, 32), 64, 14_149_480, 3_359_843_328),
    "densenet201": (32, (6, 12, 48, 32), 64, 20_013_928, 4_291_365_888),
    "densenet264": (32, (6, 12, 64, 48), 64, 33_337_704, 5_751_653_376),
}

# name: (growth rate k, layers in each of 3 blocks, stem channels, bottleneck and compression, parameters, MACs)
# at 32x32 with 10 classes; the names give depth L, then k. With bottleneck each layer counts as two of L.
# DenseNet-BC (L = 40, k = 12) is not in the paper's table: the smallest of its kind that others measure with.
SMALL_IMAGES = {
    "densenet_40_12": (12, 12, 16, False, 1_019_722, 264_812_928),
    "densenet_bc_40_12": (12, 6, 24, True, 176_122, 72_365_352),
    "densenet_bc_100_12": (12, 16, 24, True, 769_162, 287_929_692),
    "densenet_bc_190_40": (40, 31, 80, True, 25_624_430, 9_301_945_740),
    "densenet_bc_250_24": (24, 41, 48, True, 15_324_406, 5_418_785_724),
}

WEIGHTS = read_weights(Path(__file__).with_name("weights.json"))


def _imagenet(name: str, growth_rate: int, layers: tuple[int, ...], stem: int, parameters: int, macs: int) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="densenet",
        builder="cvp_densenet.model:build",
        converter="cvp_densenet.convert:convert",
        layouts={} if name == "densenet264" else {"torchvision": name, "timm": name},
        weights=WEIGHTS.get(name, ()),
        variant={"growth_rate": growth_rate, "layers": layers, "stem_channels": stem},
        parameters=parameters,
        macs=macs,
        paper=PAPER,
        licence="Apache-2.0",
        min_size=29,  # the stem's two halvings round up, the three transitions' down
        default=name == "densenet121",
    )


def _small(
    name: str, growth_rate: int, layers: int, stem: int, has_bottleneck: bool, parameters: int, macs: int
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="densenet",
        builder="cvp_densenet.model:build",
        input_size=(3, 32, 32),
        num_classes=10,
        preprocess=CIFAR,
        variant={
            "growth_rate": growth_rate,
            "layers": (layers,) * 3,
            "stem_channels": stem,
            "has_bottleneck": has_bottleneck,
            "compression": 0.5 if has_bottleneck else 1.0,
            "has_small_stem": True,
        },
        parameters=parameters,
        macs=macs,
        paper=PAPER,
        licence="Apache-2.0",
        min_size=4,  # two halvings
    )


SPECS = tuple(
    [_imagenet(name, *row) for name, row in IMAGENET.items()]
    + [_small(name, *row) for name, row in SMALL_IMAGES.items()]
)
