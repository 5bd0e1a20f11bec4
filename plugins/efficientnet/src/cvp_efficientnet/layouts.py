"""What is in each EfficientNet, block by block: table 1 of arXiv:1905.11946, table 4 of arXiv:2104.00298."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cvp_core.blocks import round_channels

__all__ = ["Block", "Layout", "layout"]

# block, expansion of the input's channels, kernel, stride of the first block, output channels, blocks: a stage each
B0 = (
    ("mbconv", 1, 3, 1, 16, 1),
    ("mbconv", 6, 3, 2, 24, 2),
    ("mbconv", 6, 5, 2, 40, 2),
    ("mbconv", 6, 3, 2, 80, 3),
    ("mbconv", 6, 5, 1, 112, 3),
    ("mbconv", 6, 5, 2, 192, 4),
    ("mbconv", 6, 3, 1, 320, 1),
)
V2_S = (
    ("fused", 1, 3, 1, 24, 2),
    ("fused", 4, 3, 2, 48, 4),
    ("fused", 4, 3, 2, 64, 4),
    ("mbconv", 4, 3, 2, 128, 6),
    ("mbconv", 6, 3, 1, 160, 9),
    ("mbconv", 6, 3, 2, 256, 15),
)
# The paper's table has S alone; M and L are as in torchvision.
V2_M = (
    ("fused", 1, 3, 1, 24, 3),
    ("fused", 4, 3, 2, 48, 5),
    ("fused", 4, 3, 2, 80, 5),
    ("mbconv", 4, 3, 2, 160, 7),
    ("mbconv", 6, 3, 1, 176, 14),
    ("mbconv", 6, 3, 2, 304, 18),
    ("mbconv", 6, 3, 1, 512, 5),
)
V2_L = (
    ("fused", 1, 3, 1, 32, 4),
    ("fused", 4, 3, 2, 64, 7),
    ("fused", 4, 3, 2, 96, 7),
    ("mbconv", 4, 3, 2, 192, 10),
    ("mbconv", 6, 3, 1, 224, 19),
    ("mbconv", 6, 3, 2, 384, 25),
    ("mbconv", 6, 3, 1, 640, 7),
)
# version: (channels of the stem, its stages)
VERSIONS = {"b": (32, B0), "lite": (32, B0), "v2_s": (24, V2_S), "v2_m": (24, V2_M), "v2_l": (32, V2_L)}


@dataclass(frozen=True, slots=True)
class Block:
    """One (fused) MBConv. `width`: expanded channels; `reduced`: those inside the gate, 0 without a gate."""

    is_fused: bool
    kernel: int
    width: int
    out_channels: int
    reduced: int
    stride: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole network. `stem` and `features`: channels of the first convolution and of the last, a 1x1."""

    stem: int
    stages: tuple[tuple[Block, ...], ...]
    features: int
    act: str
    pads_like_tensorflow: bool


def layout(version: str, width: float, depth: float) -> Layout:
    """The layout of `version`, a key of the table above, scaled (arXiv:1905.11946, eq. 3).

    width, depth: factors for all channels and for the blocks of every stage. Lite, which has ReLU6 and no gates, keeps
    the stem, the last convolution and the depth of the first and the last stage as they are.
    """
    stem, rows = VERSIONS[version]
    is_lite = version == "lite"
    features = 1280
    if not is_lite:
        stem, features = round_channels(stem * width), round_channels(features * width)
    channels = stem
    stages = []
    for index, (kind, expansion, kernel, stride, out_channels, count) in enumerate(rows):
        if not (is_lite and index in (0, len(rows) - 1)):
            count = math.ceil(count * depth)
        blocks = []
        for position in range(count):
            reduced = channels // 4 if kind == "mbconv" and not is_lite else 0
            out = round_channels(out_channels * width)
            blocks.append(Block(kind == "fused", kernel, expansion * channels, out, reduced, 1 if position else stride))
            channels = out
        stages.append(tuple(blocks))
    return Layout(stem, tuple(stages), features, "relu6" if is_lite else "silu", pads_like_tensorflow=is_lite)
