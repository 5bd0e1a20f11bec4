"""ResNet (He et al. 2015, arXiv:1512.03385), Wide ResNet (arXiv:1605.07146) and ResNeXt (arXiv:1611.05431).

A block is the path `Residual` around a basic or a bottleneck branch, with the activation after the sum; the
three papers differ only in the width of the bottleneck and in the groups of its 3x3 convolution. Two
deviations, both as in torchvision, so that public weights fit: a bottleneck that halves the picture does so in
its 3x3 convolution, where the first paper has the stride in the 1x1; and the max pooling, which the papers
count to conv2_x, belongs to the stem.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from cvp_core import ImageClassifier
from cvp_core.blocks import ConvNormAct, PoolHead, Residual, basic, bottleneck

__all__ = ["build"]

STEM_CHANNELS = 64
EXPANSION = 4  # channels after a bottleneck, per channel of a ResNet's bottleneck width


def block(in_channels: int, out_channels: int, width: int | None, *, stride: int, cardinality: int) -> Residual:
    """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride)); no width: basic."""
    if width is None:
        branch = basic(in_channels, out_channels, stride=stride)
    else:
        branch = bottleneck(in_channels, width, out_channels, stride=stride, groups=cardinality)
    shortcut = None
    if stride != 1 or in_channels != out_channels:
        shortcut = ConvNormAct(in_channels, out_channels, 1, stride=stride, activation=False)
    return Residual(branch, shortcut, nn.ReLU(inplace=True))


def stem(in_channels: int) -> nn.Sequential:
    """(N, in_channels, H, W) -> (N, 64, H / 4, W / 4), rounded up."""
    unit = ConvNormAct(in_channels, STEM_CHANNELS, 7, stride=2)
    return nn.Sequential(OrderedDict(unit=unit, pool=nn.MaxPool2d(3, 2, padding=1)))


def build(
    blocks: tuple[int, ...],
    cardinality: int = 1,
    bottleneck_width: int | None = None,
    *,
    num_classes: int,
    input_size: tuple[int, int, int],
) -> ImageClassifier:
    """A network with one stage for each of conv2_x to conv5_x; every stage doubles the channels of the one before.

    blocks: how many, a stage each. cardinality: C, the groups of the 3x3 convolution. bottleneck_width: d, the
    channels of one group in the first stage, so that C * d is the 3x3's width there (64 for ResNet, 128 for a
    ResNet of twice the width); None for basic blocks.
    """
    stages: list[nn.Module] = []
    channels = STEM_CHANNELS
    for index, count in enumerate(blocks):
        base = STEM_CHANNELS * 2**index
        width = None if bottleneck_width is None else cardinality * bottleneck_width * 2**index
        out_channels = base if width is None else base * EXPANSION
        paths: list[nn.Module] = []
        for position in range(count):
            stride = 2 if index > 0 and position == 0 else 1
            paths.append(block(channels, out_channels, width, stride=stride, cardinality=cardinality))
            channels = out_channels
        stages.append(nn.Sequential(*paths))

    network = ImageClassifier(
        stem=stem(input_size[0]),  # (N, 3, 224, 224) -> (N, 64, 56, 56)
        stages=nn.Sequential(*stages),  # -> (N, 2048, 7, 7), of basic blocks (N, 512, 7, 7)
        head=PoolHead(channels, num_classes),  # -> (N, classes)
    )
    initialise(network)
    return network


def initialise(network: nn.Module) -> None:
    """He's initialisation by fan-out (arXiv:1502.01852, eq. 14), and zero scale in each block's last norm.

    The zero makes a fresh block the identity (Goyal et al. 2017, sec. 5.1, arXiv:1706.02677), as in timm; with
    torchvision's one, every block doubles the variance: fresh logits of ResNet-152 are then near 1e5.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    for name, parameter in network.named_parameters():
        if name.endswith(".branch.project.norm.weight"):
            nn.init.zeros_(parameter)
