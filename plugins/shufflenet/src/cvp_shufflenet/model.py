"""ShuffleNet V2 (Ma et al. 2018, arXiv:1807.11164): half of the channels pass a block untouched.

A block is the path `SplitShuffle` around a branch of two 1x1 convolutions and a depthwise one between them. A stage is
the blocks of one resolution. The last 1x1 convolution (the paper's Conv5) belongs to the last stage, so that
`forward_features` gives what the paper pools. One deviation is in how the weights start, see `initialise`.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from cvp_core import ImageClassifier
from cvp_core.blocks import ConvNormAct, PoolHead

__all__ = ["build"]

STEM_CHANNELS = 24


class SplitShuffle(nn.Module):
    """[a, branch(b)] along the channels and shuffled, where [a, b] is x split in halves (fig. 3c).

    With a `shortcut` nothing is split: [shortcut(x), branch(x)], shuffled (fig. 3d). The shuffle is that of two groups:
    channels of either side take turns, so that the next split halves both. Maps (N, C, H, W) to (N, 2 w, H', W')
    where the branch gives w channels; without a shortcut C is 2 w, and the size stays.
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        if self.shortcut is None:
            short, x = x.chunk(2, dim=1)
        else:
            short = self.shortcut(x)
        # Stacked behind the channels and flattened, they are concatenated and shuffled at once.
        return torch.stack([short, self.branch(x)], dim=2).flatten(1, 2)


def depthwise(channels: int, stride: int) -> ConvNormAct:
    """(N, channels, H, W) -> (N, channels, ceil(H / stride), ceil(W / stride)), without an activation."""
    return ConvNormAct(channels, channels, 3, stride=stride, groups=channels, activation=False)


def block(in_channels: int, out_channels: int, *, stride: int) -> SplitShuffle:
    """(N, in_channels, H, W) -> (N, out_channels, ceil(H / stride), ceil(W / stride))."""
    width = out_channels // 2
    entering = in_channels if stride > 1 else width
    branch: OrderedDict[str, nn.Module] = OrderedDict(
        reduce=ConvNormAct(entering, width, 1),
        depthwise=depthwise(width, stride),
        project=ConvNormAct(width, width, 1),
    )
    if stride == 1:
        return SplitShuffle(nn.Sequential(branch))
    shortcut: OrderedDict[str, nn.Module] = OrderedDict(
        depthwise=depthwise(in_channels, stride),
        project=ConvNormAct(in_channels, width, 1),
    )
    return SplitShuffle(nn.Sequential(branch), nn.Sequential(shortcut))


def stem(in_channels: int) -> nn.Sequential:
    """(N, in_channels, H, W) -> (N, 24, H / 4, W / 4), rounded up."""
    unit = ConvNormAct(in_channels, STEM_CHANNELS, 3, stride=2)
    return nn.Sequential(OrderedDict(unit=unit, pool=nn.MaxPool2d(3, 2, padding=1)))


def build(
    blocks: tuple[int, ...],
    widths: tuple[int, ...],
    features: int,
    *,
    num_classes: int,
    input_size: tuple[int, int, int],
) -> ImageClassifier:
    """A ShuffleNet V2 whose every stage halves the picture in its first block.

    blocks, widths: how many blocks and channels, a stage each. features: channels of the last 1x1 convolution.
    """
    stages: list[nn.Module] = []
    channels = STEM_CHANNELS
    for index, (count, width) in enumerate(zip(blocks, widths, strict=True)):
        paths = [block(channels, width, stride=2)]
        paths += [block(width, width, stride=1) for _ in range(count - 1)]
        parts: OrderedDict[str, nn.Module] = OrderedDict(blocks=nn.Sequential(*paths))
        if index == len(blocks) - 1:
            parts["expand"] = ConvNormAct(width, features, 1)
        stages.append(nn.Sequential(parts))
        channels = width

    network = ImageClassifier(
        stem=stem(input_size[0]),  # (N, 3, 224, 224) -> (N, 24, 56, 56)
        stages=nn.Sequential(*stages),  # -> (N, 1024, 7, 7)
        head=PoolHead(features, num_classes),  # -> (N, classes)
    )
    initialise(network)
    return network


def initialise(network: nn.Module) -> None:
    """He's initialisation by fan-in (arXiv:1502.01852), zero bias in the classifier.

    With torchvision's start, that of PyTorch's layers, every convolution shrinks its input, so that a network whose
    norms have seen no data yet answers all pictures alike.
    """
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, nn.Linear):
            nn.init.zeros_(module.bias)
