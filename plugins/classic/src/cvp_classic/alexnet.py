"""AlexNet as torchvision has it: one column of "One weird trick" (Krizhevsky 2014, arXiv:1404.5997).

Five convolutions, then two hidden layers of 4096. As in that paper there is no local response normalisation
and no split over two GPUs; as in torchvision the third and fourth convolutions give 384 and 256 maps, and
adaptive pooling before the head lets every picture of at least 63 pixels a side through.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from cvp_core import ImageClassifier
from cvp_core.blocks import HiddenHead

from .model import initialise

__all__ = ["build"]

# (filters, kernel, stride, padding, followed by 3x3 max pooling of stride 2)
STAGES = (
    (64, 11, 4, 2, True),
    (192, 5, 1, 2, True),
    (384, 3, 1, 1, False),
    (256, 3, 1, 1, False),
    (256, 3, 1, 1, True),
)


def build(
    hidden: tuple[int, ...], dropout: float, *, num_classes: int, input_size: tuple[int, int, int]
) -> ImageClassifier:
    """An AlexNet with one stage a convolution. hidden: width of each hidden layer; dropout: before each."""
    channels = input_size[0]
    stages: list[nn.Module] = []
    for filters, kernel, stride, padding, has_pool in STAGES:
        parts: OrderedDict[str, nn.Module] = OrderedDict(
            conv=nn.Conv2d(channels, filters, kernel, stride, padding), act=nn.ReLU(inplace=True)
        )
        if has_pool:
            parts["pool"] = nn.MaxPool2d(3, 2)
        stages.append(nn.Sequential(parts))
        channels = filters
    drops = (*(dropout for _ in hidden), 0.0)  # of what each hidden layer reads
    network = ImageClassifier(
        stem=nn.Identity(),
        stages=nn.Sequential(*stages),  # (N, 3, 224, 224) -> (N, 256, 6, 6)
        head=HiddenHead(channels * 6 * 6, hidden, num_classes, pool=6, dropout=drops),  # -> (N, classes)
    )
    initialise(network)
    return network
