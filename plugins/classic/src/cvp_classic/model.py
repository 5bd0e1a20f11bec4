"""The teaching nets, from one linear layer to four convolutions, as rows for one builder.

Each stage is a 5x5 convolution, ReLU and, for most, max pooling; the head is fully connected and sized by the
picture that the net is built for. A net without convolutions has no stages.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from cvp_core import ImageClassifier
from cvp_core.blocks import HiddenHead

from .fixed_size import FixedSize

__all__ = ["build", "initialise"]

KERNEL = 5


def stage(in_channels: int, filters: int, pool: int, padding: int) -> nn.Sequential:
    """(N, in_channels, H, W) -> (N, filters, (H + 2 * padding - 4) // pool, the same of W)."""
    parts: OrderedDict[str, nn.Module] = OrderedDict(
        conv=nn.Conv2d(in_channels, filters, KERNEL, padding=padding), act=nn.ReLU(inplace=True)
    )
    if pool > 1:
        parts["pool"] = nn.MaxPool2d(pool)
    return nn.Sequential(parts)


def build(
    stages: Sequence[tuple[int, int]] = (),
    hidden: Sequence[int] = (),
    padding: int = 0,
    *,
    num_classes: int,
    input_size: tuple[int, int, int],
) -> ImageClassifier:
    """A net for pictures of `input_size` alone.

    stages: (filters, side of the max pooling, 1 for none), one a convolution. hidden: width of each hidden
    linear layer. padding: pixels of zeros around the input of each convolution.
    """
    channels, height, width = input_size
    parts: list[nn.Module] = []
    for filters, pool in stages:
        parts.append(stage(channels, filters, pool, padding))
        channels = filters
        height, width = ((side + 2 * padding - KERNEL + 1) // pool for side in (height, width))
    network = ImageClassifier(
        stem=FixedSize(input_size),  # multilayer_cnn: (N, 1, 28, 28), unchanged
        stages=nn.Sequential(*parts),  # -> (N, 20, 4, 4)
        head=HiddenHead(channels * height * width, hidden, num_classes),  # -> (N, classes)
    )
    initialise(network)
    return network


def initialise(network: ImageClassifier) -> None:
    """He's initialisation (arXiv:1502.01852) before each ReLU; the classifier keeps PyTorch's default.

    That default, variance 1 / (3 * fan-in), keeps the first logits small however wide the features are;
    before a ReLU it would shrink the signal layer by layer.
    """
    for module in network.modules():
        if module is not network.head.classifier and isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
