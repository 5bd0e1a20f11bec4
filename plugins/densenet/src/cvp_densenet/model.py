"""DenseNet (Huang et al. 2017, arXiv:1608.06993): every layer reads all that came before it in its block.

A dense layer is the path `Dense` around a pre-activated branch; a transition halves the picture and, with
compression, the channels. The batch norm and ReLU after the last block belong to the last stage, so that
`forward_features` gives what the paper pools.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from cvp_core import ImageClassifier
from cvp_core.blocks import (
    ConvNormAct,
    Dense,
    NormActConv,
    PoolHead,
    pre_activated_basic,
    pre_activated_bottleneck,
)

__all__ = ["build"]


def dense_block(channels: int, growth_rate: int, layers: int, has_bottleneck: bool) -> nn.Sequential:
    """(N, channels, H, W) -> (N, channels + layers * growth_rate, H, W)."""
    paths: list[nn.Module] = []
    for index in range(layers):
        width = channels + index * growth_rate
        if has_bottleneck:
            branch = pre_activated_bottleneck(width, 4 * growth_rate, spatial_channels=growth_rate)
        else:
            branch = pre_activated_basic(width, growth_rate)
        paths.append(Dense(branch))
    return nn.Sequential(*paths)


def transition(channels: int, out_channels: int) -> nn.Sequential:
    """(N, channels, H, W) -> (N, out_channels, H // 2, W // 2) (sec. 3, "Pooling layers")."""
    return nn.Sequential(OrderedDict(unit=NormActConv(channels, out_channels, 1), pool=nn.AvgPool2d(2)))


def stem(in_channels: int, out_channels: int, is_small: bool) -> nn.Sequential:
    """A quarter of the picture's size for ImageNet, its full size for small pictures."""
    if is_small:
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
        return nn.Sequential(OrderedDict(conv=conv))
    unit = ConvNormAct(in_channels, out_channels, 7, stride=2)
    return nn.Sequential(OrderedDict(unit=unit, pool=nn.MaxPool2d(3, 2, padding=1)))


def build(
    growth_rate: int,
    layers: tuple[int, ...],
    stem_channels: int,
    *,
    has_bottleneck: bool = True,
    compression: float = 0.5,
    has_small_stem: bool = False,
    num_classes: int,
    input_size: tuple[int, int, int],
) -> ImageClassifier:
    """A DenseNet with one stage a dense block.

    growth_rate: k, the channels that each layer adds. layers: how many, a block each.
    compression: theta, the share of channels that a transition keeps; 1 for DenseNet, 0.5 for DenseNet-C and -BC.
    """
    stages: list[nn.Module] = []
    channels = stem_channels
    for index, count in enumerate(layers):
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        if index:
            kept = int(channels * compression)
            parts["transition"] = transition(channels, kept)
            channels = kept
        parts["layers"] = dense_block(channels, growth_rate, count, has_bottleneck)
        channels += count * growth_rate
        if index == len(layers) - 1:
            parts["norm"] = nn.BatchNorm2d(channels)
            parts["act"] = nn.ReLU(inplace=True)
        stages.append(nn.Sequential(parts))

    network = ImageClassifier(
        stem=stem(input_size[0], stem_channels, has_small_stem),  # (N, 3, 224, 224) -> (N, 64, 56, 56)
        stages=nn.Sequential(*stages),  # -> (N, 1024, 7, 7)
        head=PoolHead(channels, num_classes),  # -> (N, classes)
    )
    initialise(network)
    return network


def initialise(network: nn.Module) -> None:
    """He's initialisation (arXiv:1502.01852), as the authors' code has it; zero bias in the classifier."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
