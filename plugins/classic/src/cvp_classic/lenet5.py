"""LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998, "Gradient-based learning applied to document recognition").

From the paper, sec. II.B and appendix A: C1 to F6 with all their widths, the partial connections of C3
(table I), subsampling with one trainable coefficient and bias a map, and the squashing A tanh(S a) after
every one of these layers: 60,000 trainable parameters. Where we deviate: a linear layer answers instead of
the Euclidean RBF units with their fixed 7x12 bitmaps, so that the net has logits and any number of classes;
pictures are scaled to 32x32 where the paper pads 28x28 ones; weights start with standard deviation
1 / sqrt(fan-in) where the paper draws from +-2.4 / fan-in.
"""

from __future__ import annotations

import math
from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from cvp_core import ImageClassifier
from cvp_core.blocks import HiddenHead

from .fixed_size import FixedSize

__all__ = ["build"]


class ScaledTanh(nn.Module):
    """A tanh(S a) with A = 1.7159 and S = 2/3 (appendix A): f(1) = 1 and f(-1) = -1. Keeps the shape."""

    def forward(self, a: Tensor) -> Tensor:
        return 1.7159 * torch.tanh(2 / 3 * a)


class Subsampling(nn.Module):
    """The sum of each 2x2 patch, times a trainable coefficient, plus a trainable bias, a pair a map.

    Maps (N, C, H, W) to (N, C, H // 2, W // 2).
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(2)
        self.coefficient = nn.Parameter(torch.full((channels,), 0.25))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        of_mean = 4 * self.coefficient  # the pool gives the mean of four, the paper adds them
        return self.pool(x) * of_mean[:, None, None] + self.bias[:, None, None]


class PartialConvolution(nn.Module):
    """C3: each of 16 maps is a 5x5 convolution of the S2 maps that table I lists for it.

    Maps (N, 6, H, W) to (N, 16, H - 4, W - 4). Only the 60 kernels that exist are parameters, 1,516 with the
    biases; they are laid out as a dense convolution with zeros between. Three grouped convolutions multiply
    40% less, yet took ten times as long on a CPU (batch 128, forward and backward).
    """

    # Table I, by the column: the S2 maps that each C3 map reads.
    TABLE = (
        *((0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5)),
        *((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5)),
        *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5)),
    )

    def __init__(self) -> None:
        super().__init__()
        fan_in = torch.tensor([25 * len(maps) for maps in self.TABLE for _ in maps])
        self.weight = nn.Parameter(torch.randn(len(fan_in), 5, 5) / fan_in.sqrt()[:, None, None])
        self.bias = nn.Parameter(torch.zeros(16))
        # For each of 16 * 6 pairs of maps the number of its kernel, from 1; 0 is the kernel of zeros.
        kernel_of = torch.zeros(16, 6, dtype=torch.long)
        pairs = [(out, map_) for out, maps in enumerate(self.TABLE) for map_ in maps]
        for number, (out, map_) in enumerate(pairs, start=1):
            kernel_of[out, map_] = number
        # A buffer, so that it follows the module's device; not persistent, since it is no weight.
        self.kernel_of = nn.Buffer(kernel_of.flatten(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        kernels = functional.pad(self.weight, [0, 0, 0, 0, 1, 0])  # (61, 5, 5), zeros first
        dense = kernels.index_select(0, self.kernel_of).view(16, 6, 5, 5)
        return functional.conv2d(x, dense, self.bias)


def build(*, num_classes: int, input_size: tuple[int, int, int]) -> ImageClassifier:
    """LeNet-5 with the stages C1 and S2, C3 and S4, C5; F6 and the answers are the head.

    A picture larger than 32x32 gives C5's maps more than one unit, as the paper says; F6 reads them all.
    """
    channels, height, width = input_size
    first = OrderedDict(c1=nn.Conv2d(channels, 6, 5), c1_act=ScaledTanh(), s2=Subsampling(6), s2_act=ScaledTanh())
    second = OrderedDict(c3=PartialConvolution(), c3_act=ScaledTanh(), s4=Subsampling(16), s4_act=ScaledTanh())
    third = OrderedDict(c5=nn.Conv2d(16, 120, 5), c5_act=ScaledTanh())
    units = math.prod(((side - 4) // 2 - 4) // 2 - 4 for side in (height, width))  # of a map of C5
    network = ImageClassifier(
        stem=FixedSize(input_size),
        stages=nn.Sequential(
            nn.Sequential(first),  # (N, 1, 32, 32) -> (N, 6, 14, 14)
            nn.Sequential(second),  # -> (N, 16, 5, 5)
            nn.Sequential(third),  # -> (N, 120, 1, 1)
        ),
        head=HiddenHead(120 * units, (84,), num_classes, activation=ScaledTanh),  # -> (N, classes)
    )
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="linear")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
