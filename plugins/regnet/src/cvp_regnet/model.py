"""RegNetX and RegNetY (Radosavovic et al. 2020, arXiv:2003.13678): a ResNeXt whose widths lie on a line.

A block is the path `Residual` around a grouped bottleneck that keeps its width (the paper's b = 1); RegNetY has a
squeeze-and-excitation gate after the 3x3 convolution (sec. 4). `widths` says how many blocks of which width.
One deviation, as in torchvision, so that public weights fit: a width that g does not divide goes up where the
nearest multiple would lose more than a tenth. It makes regnet_y_800mf, regnet_y_8gf and regnet_x_400mf a little
wider than the paper's.
"""

from __future__ import annotations

from torch import nn

from cvp_core import ImageClassifier
from cvp_core.blocks import ConvNormAct, PoolHead, Residual, SqueezeExcite, bottleneck

from .widths import stage_layout

__all__ = ["build"]

STEM_CHANNELS = 32


def block(in_channels: int, width: int, groups: int, *, stride: int, has_gate: bool) -> Residual:
    """(N, in_channels, H, W) -> (N, width, ceil(H / stride), ceil(W / stride))."""
    # A quarter of the channels that enter the block, not of those that the gate sees.
    gate = SqueezeExcite(width, in_channels // 4) if has_gate else None
    branch = bottleneck(in_channels, width, width, stride=stride, groups=groups, gate=gate)
    shortcut = None
    if stride != 1 or in_channels != width:
        shortcut = ConvNormAct(in_channels, width, 1, stride=stride, activation=False)
    return Residual(branch, shortcut, nn.ReLU(inplace=True))


def build(
    depth: int,
    line: tuple[int, float, float],
    group_width: int,
    has_gate: bool,
    *,
    num_classes: int,
    input_size: tuple[int, int, int],
) -> ImageClassifier:
    """A RegNet whose every stage halves the picture.

    depth: d, the blocks of all stages. line: (w_0, w_a, w_m), the width of the first block, the slope from block to
    block, and the factor between the stages' widths. group_width: g, channels of one group of the 3x3 convolution.
    """
    stages: list[nn.Module] = []
    channels = STEM_CHANNELS
    for stage in stage_layout(depth, line, group_width):
        paths: list[nn.Module] = []
        for position in range(stage.blocks):
            stride = 1 if position else 2
            paths.append(block(channels, stage.width, stage.groups, stride=stride, has_gate=has_gate))
            channels = stage.width
        stages.append(nn.Sequential(*paths))

    network = ImageClassifier(
        stem=ConvNormAct(input_size[0], STEM_CHANNELS, 3, stride=2),  # (N, 3, 224, 224) -> (N, 32, 112, 112)
        stages=nn.Sequential(*stages),  # regnet_y_400mf: -> (N, 440, 7, 7)
        head=PoolHead(channels, num_classes),  # -> (N, classes)
    )
    initialise(network)
    return network


def initialise(network: nn.Module) -> None:
    """He's initialisation by fan-out (arXiv:1502.01852, eq. 14), a small classifier, zero scale in the last norms.

    The zero makes a fresh block the identity (arXiv:1706.02677, sec. 5.1), as in timm; all else is as in torchvision.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, 0.0, 0.01)
            nn.init.zeros_(module.bias)
        elif name.endswith(".branch.project.norm"):
            nn.init.zeros_(module.weight)
