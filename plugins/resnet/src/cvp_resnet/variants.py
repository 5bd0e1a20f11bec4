"""The variants as one table: table 1 of arXiv:1512.03385, sec. 3 of arXiv:1605.07146, sec. 5.1 of arXiv:1611.05431."""

from __future__ import annotations

from pathlib import Path

from cvp_core import ModelSpec, Paper, Preprocess
from cvp_core.weights import read_weights

__all__ = ["SPECS"]

RESNET = Paper(
    "Deep Residual Learning for Image Recognition",
    arxiv="1512.03385",
    authors="He, Zhang, Ren, Sun",
    year=2015,
)
WIDE = Paper(
    "Wide Residual Networks",
    arxiv="1605.07146",
    authors="Zagoruyko, Komodakis",
    year=2016,
)
RESNEXT = Paper(
    "Aggregated Residual Transformations for Deep Neural Networks",
    arxiv="1611.05431",
    authors="Xie, Girshick, Dollár, Tu, He",
    year=2017,
)

# Blocks in conv2_x to conv5_x, by the depth of the name (table 1 of arXiv:1512.03385).
BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
}

# name: (paper, depth, cardinality C, bottleneck width d or None for basic blocks, parameters, MACs at 224x224
# with 1000 classes). A wide net doubles d; 101_32x8d and 101_64x4d are wider than the paper's 101_32x4d, by the
# names of torchvision and timm.
VARIANTS: dict[str, tuple[Paper, int, int, int | None, int, int]] = {
    "resnet18": (RESNET, 18, 1, None, 11_689_512, 1_814_073_344),
    "resnet34": (RESNET, 34, 1, None, 21_797_672, 3_663_761_408),
    "resnet50": (RESNET, 50, 1, 64, 25_557_032, 4_089_184_256),
    "resnet101": (RESNET, 101, 1, 64, 44_549_160, 7_801_405_440),
    "resnet152": (RESNET, 152, 1, 64, 60_192_808, 11_513_626_624),
    "wide_resnet50_2": (WIDE, 50, 1, 128, 68_883_240, 11_398_021_120),
    "wide_resnet101_2": (WIDE, 101, 1, 128, 126_886_696, 22_753_050_624),
    "resnext50_32x4d": (RESNEXT, 50, 32, 4, 25_028_904, 4_230_479_872),
    "resnext101_32x4d": (RESNEXT, 101, 32, 4, 44_177_704, 7_969_996_800),
    "resnext101_32x8d": (RESNEXT, 101, 32, 8, 88_791_336, 16_414_015_488),
    "resnext101_64x4d": (RESNEXT, 101, 64, 4, 83_455_272, 15_460_270_080),
}

WEIGHTS = read_weights(Path(__file__).with_name("weights.json"))


def _spec(
    name: str, paper: Paper, depth: int, cardinality: int, width: int | None, parameters: int, macs: int
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="resnet",
        builder="cvp_resnet.model:build",
        converter="cvp_resnet.convert:convert",
        layouts={"timm": name} if name == "resnext101_32x4d" else {"torchvision": name, "timm": name},
        weights=WEIGHTS.get(name, ()),
        variant={"blocks": BLOCKS[depth], "cardinality": cardinality, "bottleneck_width": width},
        parameters=parameters,
        macs=macs,
        paper=paper,
        licence="Apache-2.0",
        # Torchvision evaluates resnext101_64x4d, trained later than the others, on a tighter crop.
        preprocess=Preprocess(resize=232 if name == "resnext101_64x4d" else 256),
        min_size=1,  # every layer that strides pads, and so leaves at least 1x1
        default=name == "resnet50",
    )


SPECS = tuple(_spec(name, *row) for name, row in VARIANTS.items())
