"""ShuffleNet V2's variants as one table: table 5 of arXiv:1807.11164."""

from __future__ import annotations

from pathlib import Path

from cvp_core import ModelSpec, Paper, Preprocess
from cvp_core.weights import read_weights

__all__ = ["SPECS"]

PAPER = Paper(
    "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design",
    arxiv="1807.11164",
    authors="Ma, Zhang, Zheng, Sun",
    year=2018,
)

BLOCKS = (4, 8, 4)  # in stages 2 to 4

# name: (channels of stages 2 to 4, of Conv5, resize, parameters, MACs at 224x224 with 1000 classes)
# The names give the paper's complexity level. Resize is that of torchvision's weights: the two wider nets were
# trained later than the others.
VARIANTS = {
    "shufflenet_v2_x0_5": ((48, 96, 192), 1024, 256, 1_366_792, 40_476_448),
    "shufflenet_v2_x1_0": ((116, 232, 464), 1024, 256, 2_278_604, 144_907_992),
    "shufflenet_v2_x1_5": ((176, 352, 704), 1024, 232, 3_503_624, 295_759_392),
    "shufflenet_v2_x2_0": ((244, 488, 976), 2048, 232, 7_393_996, 583_253_464),
}

WEIGHTS = read_weights(Path(__file__).with_name("weights.json"))


def _spec(name: str, widths: tuple[int, ...], features: int, resize: int, parameters: int, macs: int) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="shufflenet",
        builder="cvp_shufflenet.model:build",
        converter="cvp_shufflenet.convert:convert",
        layouts={"torchvision": name},
        weights=WEIGHTS.get(name, ()),
        variant={"blocks": BLOCKS, "widths": widths, "features": features},
        preprocess=Preprocess(resize=resize),
        parameters=parameters,
        macs=macs,
        paper=PAPER,
        licence="Apache-2.0",
        min_size=1,  # every stride pads, so that one pixel stays one pixel
        default=name == "shufflenet_v2_x1_0",
    )


SPECS = tuple(_spec(name, *row) for name, row in VARIANTS.items())
