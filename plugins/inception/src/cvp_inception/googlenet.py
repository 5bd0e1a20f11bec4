"""GoogLeNet (Szegedy et al. 2014, arXiv:1409.4842): each module looks at its input at several scales at once.

An Inception module is the path `Concat` over four branches: 1x1, 3x3 and 5x5 convolutions and a pooling, the large
ones behind a 1x1 that reduces the channels. A stage is the modules of one resolution.
Where we deviate, all of it as torchvision does: batch norm follows each convolution and there is no local response
normalisation; the branch of 5x5 has 3x3 filters; the last max pooling is 2x2; a fifth of the features is dropped
instead of 40%. The two auxiliary classifiers, which only training would use, are left out.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from cvp_core import ImageClassifier
from cvp_core.blocks import Concat, ConvNormAct, PoolHead

from .parts import chain, initialise, pooled, stage

__all__ = ["build"]

Row = tuple[int, int, int, int, int, int]


def pooling(kernel: int = 3) -> nn.MaxPool2d:
    """Half of the size; a window that is cut off at the edge counts."""
    return nn.MaxPool2d(kernel, 2, ceil_mode=True)


def inception(channels: int, row: Row) -> Concat:
    """Fig. 2b: (N, channels, H, W) -> (N, sum of the four branches' channels, H, W)."""
    pointwise, reduce_small, small, reduce_large, large, project = row
    return Concat(
        {
            "pointwise": ConvNormAct(channels, pointwise, 1),
            "small": chain(channels, (1, reduce_small), (3, small)),
            "large": chain(channels, (1, reduce_large), (3, large)),
            "pool": pooled(nn.MaxPool2d(3, 1, padding=1), channels, project),
        }
    )


def build(rows: tuple[tuple[Row, ...], ...], *, num_classes: int, input_size: tuple[int, int, int]) -> ImageClassifier:
    """A GoogLeNet with one stage a resolution.

    rows: channels of each module, stage by stage: 1x1, reduction before 3x3, 3x3, reduction before 5x5, 5x5, after
    the pooling.
    """
    stem = nn.Sequential(
        OrderedDict(
            first=ConvNormAct(input_size[0], 64, 7, stride=2),
            first_pool=pooling(),
            reduce=ConvNormAct(64, 64, 1),
            spatial=ConvNormAct(64, 192, 3),
            pool=pooling(),
        )
    )
    stages: list[nn.Module] = []
    channels = 192
    for index, modules in enumerate(rows):
        layers: list[nn.Module] = []
        for row in modules:
            layers.append(inception(channels, row))
            pointwise, _, small, _, large, project = row
            channels = pointwise + small + large + project
        pools = (None, pooling(3), pooling(2))
        stages.append(stage(layers, pools[index]))

    network = ImageClassifier(
        stem=stem,  # (N, 3, 224, 224) -> (N, 192, 28, 28)
        stages=nn.Sequential(*stages),  # -> (N, 1024, 7, 7)
        head=PoolHead(channels, num_classes, dropout=0.2),  # -> (N, classes)
    )
    initialise(network, std=0.01)
    return network
