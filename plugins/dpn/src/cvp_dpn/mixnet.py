"""Mixed Link Networks (Wang et al. 2018, arXiv:1802.01808): a layer adds to some channels and appends others.

Not the MixNet of Tan and Le (MixConv, arXiv:1907.09595), whose models timm calls mixnet_s, mixnet_m, mixnet_l.
Where DPN's blocks always add to the same first channels, the window that a mixed link adds to moves: it is the last
k1 channels of what the layer reads, as in the authors' code (github.com/DeepInsight-PCALab/MixNet). The net around
the layers is DenseNet-BC's; the batch norm and ReLU after the last block belong to the last stage.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from cvp_core import ImageClassifier
from cvp_core.blocks import (
    ConvNormAct,
    GrowingPath,
    NormActConv,
    PoolHead,
    channels_of,
    pre_activated_bottleneck,
)

__all__ = ["MixedLink", "build"]

EXPANSION = 4  # of the 1x1 convolution, in growth rates


class MixedLink(GrowingPath):
    """[x with inner(x) added to its last k1 channels, outer(x)] along the channels.

    Maps (N, C, H, W) to (N, C + k2, H, W) where `inner` gives k1 <= C channels and `outer` k2.
    """

    def __init__(self, in_channels: int, inner_rate: int, outer_rate: int) -> None:
        super().__init__()
        if inner_rate > in_channels:
            raise ValueError(f"the inner link adds to {inner_rate} channels, but the layer reads only {in_channels}")
        self.inner = pre_activated_bottleneck(in_channels, EXPANSION * inner_rate, spatial_channels=inner_rate)
        self.outer = pre_activated_bottleneck(in_channels, EXPANSION * outer_rate, spatial_channels=outer_rate)
        self.untouched = in_channels - inner_rate

    def forward(self, x: Tensor) -> Tensor:
        added = x[:, self.untouched :] + self.inner(x)
        return torch.cat([x[:, : self.untouched], added, self.outer(x)], dim=1)

    def growth(self) -> int:
        return channels_of(self.outer)

    def write(self, whole: Tensor, channels: int) -> None:
        x = whole[:, :channels]
        added, appended = self.inner(x), self.outer(x)
        whole[:, self.untouched : channels] += added
        whole[:, channels : channels + appended.size(1)] = appended


def build(
    growth_rates: tuple[int, int],
    layers: tuple[int, ...],
    stem_channels: int,
    *,
    num_classes: int,
    input_size: tuple[int, int, int],
) -> ImageClassifier:
    """A MixNet with one stage a block. growth_rates: k1 of the inner, k2 of the outer links. layers: a block each."""
    inner_rate, outer_rate = growth_rates
    channels = stem_channels
    stages: list[nn.Module] = []
    for index, count in enumerate(layers):
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        if index:
            unit = NormActConv(channels, channels // 2, 1)
            parts["transition"] = nn.Sequential(OrderedDict(unit=unit, pool=nn.AvgPool2d(2)))
            channels //= 2
        links = [MixedLink(channels + layer * outer_rate, inner_rate, outer_rate) for layer in range(count)]
        parts["layers"] = nn.Sequential(*links)
        channels += count * outer_rate
        if index == len(layers) - 1:
            parts["norm"] = nn.BatchNorm2d(channels)
            parts["act"] = nn.ReLU(inplace=True)
        stages.append(nn.Sequential(parts))

    stem_unit = ConvNormAct(input_size[0], stem_channels, 7, stride=2)
    network = ImageClassifier(
        # (N, 3, 224, 224) -> (N, 64, 56, 56)
        stem=nn.Sequential(OrderedDict(unit=stem_unit, pool=nn.MaxPool2d(3, 2, padding=1))),
        stages=nn.Sequential(*stages),  # -> (N, 832, 7, 7)
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
