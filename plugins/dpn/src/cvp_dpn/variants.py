"""The family as tables: the nets of arXiv:1707.01629, those its authors published beside them, and two hybrids."""

from __future__ import annotations

from pathlib import Path

from cvp_core import ModelSpec, Paper, Preprocess
from cvp_core.weights import read_weights

__all__ = ["SPECS"]

PAPER = Paper("Dual Path Networks", arxiv="1707.01629", authors="Chen, Li, Xiao, Jin, Yan, Feng", year=2017)
MIXED_LINK_PAPER = Paper("Mixed Link Networks", arxiv="1802.01808", authors="Wang, Li, Yang, Lu", year=2018)

# The authors subtract 124, 117, 104 and multiply by 0.0167, in units of 0..255.
AUTHORS = Preprocess(interpolation="bicubic", mean=(124 / 255, 117 / 255, 104 / 255), std=(1 / (0.0167 * 255),) * 3)
# timm trained its own dpn68b (tag ra_in1k) and crops 0.95 of the shorter side.
PREPROCESS = {"dpn68b": Preprocess(resize=235, interpolation="bicubic"), "dualpath": Preprocess()}

NARROW, WIDE = (64, 128, 256, 512), (256, 512, 1024, 2048)  # residual channels r, a stage each

# name: (blocks a stage, r, dense channels k, groups x channels of a group, stem channels and kernel,
#        parameters, MACs at 224x224 with 1000 classes)
# 92, 98 and 131 are the paper's; 68, 68b and 107 the authors published in github.com/cypw/DPNs, timm has them all.
DPN = {
    "dpn68": ((3, 4, 12, 3), NARROW, (16, 32, 32, 64), (32, 4), (10, 3), 12_611_602, 2_326_163_456),
    "dpn68b": ((3, 4, 12, 3), NARROW, (16, 32, 32, 64), (32, 4), (10, 3), 12_611_602, 2_326_163_456),
    "dpn92": ((3, 4, 20, 3), WIDE, (16, 32, 24, 128), (32, 3), (64, 7), 37_668_392, 6_501_684_224),
    "dpn98": ((3, 6, 20, 3), WIDE, (16, 32, 32, 128), (40, 4), (96, 7), 61_570_728, 11_671_217_152),
    "dpn107": ((4, 8, 20, 3), WIDE, (20, 64, 64, 128), (50, 4), (128, 7), 86_917_800, 18_298_764_288),
    "dpn131": ((4, 8, 28, 3), WIDE, (16, 32, 32, 128), (40, 4), (128, 7), 79_254_504, 16_013_648_896),
    # Ours, to start experiments from: DPN-68's widths, the blocks of ResNet-50 and a stem of 32 channels.
    "dualpath": ((3, 4, 6, 3), NARROW, (16, 32, 32, 64), (32, 4), (32, 3), 9_131_880, 1_687_949_824),
}

# name: (growth rates k1 and k2, layers in each block, stem channels, parameters, MACs at 224x224 with 1000 classes)
# as the authors' code and table have it (github.com/DeepInsight-PCALab/MixNet).
MIXED_LINK = {
    "mixnet105": ((32, 32), (6, 12, 20, 12), 64, 11_156_776, 4_898_009_600),
}

Sizes = tuple[int, int, int, int]
Pair = tuple[int, int]

WEIGHTS = read_weights(Path(__file__).with_name("weights.json"))


def _dpn(
    name: str,
    layers: Sizes,
    residual: Sizes,
    dense: Sizes,
    groups: Pair,
    stem: Pair,
    parameters: int,
    macs: int,
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="dpn",
        builder="cvp_dpn.model:build",
        converter="" if name == "dualpath" else "cvp_dpn.convert:convert",
        layouts={} if name == "dualpath" else {"timm": name},
        weights=WEIGHTS.get(name, ()),
        variant={"layers": layers, "residual": residual, "dense": dense, "groups": groups, "stem": stem},
        preprocess=PREPROCESS.get(name, AUTHORS),
        parameters=parameters,
        macs=macs,
        paper=PAPER,
        licence="Apache-2.0",
        min_size=1,  # each of the five halvings is padded and rounds up
        default=name == "dpn92",
    )


def _mixed_link(name: str, growth_rates: Pair, layers: Sizes, stem: int, parameters: int, macs: int) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="dpn",
        builder="cvp_dpn.mixnet:build",
        variant={"growth_rates": growth_rates, "layers": layers, "stem_channels": stem},
        parameters=parameters,
        macs=macs,
        paper=MIXED_LINK_PAPER,
        licence="Apache-2.0",
        min_size=29,  # two halvings round up, three down
    )


SPECS = tuple(
    [_dpn(name, *row) for name, row in DPN.items()] + [_mixed_link(name, *row) for name, row in MIXED_LINK.items()]
)
