"""Inception v3 (Szegedy et al. 2015, arXiv:1512.00567): large filters as chains of small and of one-dimensional ones.

An Inception module is the path `Concat` over its branches. `small` and `large` tell two of them apart by how much of
the picture a pixel of theirs sees. A stage is the modules of one resolution; from the second on it begins with the
module that halves it, convolution beside pooling, so that neither is a bottleneck (fig. 10).
Where we deviate, all of it as torchvision and the authors' published code do: the stem ends with a 1x1, a 3x3
convolution and a pooling where table 1 has three 3x3, and the modules of fig. 5 keep one 5x5. The auxiliary
classifier, which only training would use, is left out: 3,326,696 parameters less than torchvision's default.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from cvp_core import ImageClassifier
from cvp_core.blocks import Concat, ConvNormAct, PoolHead

from .parts import chain, initialise, pooled, stage

__all__ = ["build"]

ROW, COLUMN = (1, 7), (7, 1)


def averaged(channels: int, out_channels: int) -> nn.Sequential:
    """The branch with a pooling in the modules that keep the size. Zeros at the edge count in the mean."""
    return pooled(nn.AvgPool2d(3, 1, padding=1), channels, out_channels)


def halving(channels: int, out_channels: int) -> ConvNormAct:
    """3x3 without padding: (N, channels, H, W) -> (N, out_channels, (H - 1) // 2, (W - 1) // 2)."""
    return ConvNormAct(channels, out_channels, 3, stride=2, padding=0)


def module_35(channels: int, pool_channels: int) -> Concat:
    """Fig. 5, at 35x35: (N, channels, H, W) -> (N, 224 + pool_channels, H, W)."""
    return Concat(
        {
            "pointwise": ConvNormAct(channels, 64, 1),
            "small": chain(channels, (1, 48), (5, 64)),
            "large": chain(channels, (1, 64), (3, 96), (3, 96)),
            "pool": averaged(channels, pool_channels),
        }
    )


def reduction_17(channels: int) -> Concat:
    """Fig. 10, from 35x35 to 17x17: adds 480 channels to those that the pooling keeps."""
    return Concat(
        {
            "small": nn.Sequential(halving(channels, 384)),
            "large": chain(channels, (1, 64), (3, 96)).append(halving(96, 96)),
            "pool": nn.MaxPool2d(3, 2),
        }
    )


def module_17(channels: int, width: int) -> Concat:
    """Fig. 6, at 17x17, with n = 7: (N, channels, H, W) -> (N, 768, H, W). `width`: channels inside the branches."""
    return Concat(
        {
            "pointwise": ConvNormAct(channels, 192, 1),
            "small": chain(channels, (1, width), (ROW, width), (COLUMN, 192)),
            "large": chain(channels, (1, width), (COLUMN, width), (ROW, width), (COLUMN, width), (ROW, 192)),
            "pool": averaged(channels, 192),
        }
    )


def reduction_8(channels: int) -> Concat:
    """From 17x17 to 8x8: adds 512 channels to those that the pooling keeps."""
    return Concat(
        {
            "small": chain(channels, (1, 192)).append(halving(192, 320)),
            "large": chain(channels, (1, 192), (ROW, 192), (COLUMN, 192)).append(halving(192, 192)),
            "pool": nn.MaxPool2d(3, 2),
        }
    )


def module_8(channels: int) -> Concat:
    """Fig. 7, at 8x8: (N, channels, H, W) -> (N, 2048, H, W). Row and column side by side widen the output."""
    return Concat(
        {
            "pointwise": ConvNormAct(channels, 320, 1),
            "small": chain(channels, (1, 384)).append(row_and_column(384)),
            "large": chain(channels, (1, 448), (3, 384)).append(row_and_column(384)),
            "pool": averaged(channels, 192),
        }
    )


def row_and_column(width: int) -> Concat:
    """(N, width, H, W) -> (N, 2 * width, H, W)."""
    return Concat({"row": ConvNormAct(width, width, (1, 3)), "column": ConvNormAct(width, width, (3, 1))})


def build(
    pool_channels: tuple[int, ...], widths: tuple[int, ...], *, num_classes: int, input_size: tuple[int, int, int]
) -> ImageClassifier:
    """An Inception v3 with one stage a resolution.

    pool_channels: after the pooling of each module at 35x35. widths: inside the branches of each module at 17x17.
    """
    stem = nn.Sequential(
        OrderedDict(
            first=halving(input_size[0], 32),
            second=ConvNormAct(32, 32, 3, padding=0),
            third=ConvNormAct(32, 64, 3),
            third_pool=nn.MaxPool2d(3, 2),
            expand=ConvNormAct(64, 80, 1),
            spatial=ConvNormAct(80, 192, 3, padding=0),
            pool=nn.MaxPool2d(3, 2),
        )
    )
    channels = 192
    at_35: list[nn.Module] = []
    for after_pool in pool_channels:
        at_35.append(module_35(channels, after_pool))
        channels = 224 + after_pool
    at_17 = [reduction_17(channels), *(module_17(768, width) for width in widths)]
    at_8 = [reduction_8(768), module_8(1280), module_8(2048)]

    network = ImageClassifier(
        stem=stem,  # (N, 3, 299, 299) -> (N, 192, 35, 35)
        stages=nn.Sequential(stage(at_35), stage(at_17), stage(at_8)),  # -> (N, 2048, 8, 8)
        head=PoolHead(2048, num_classes, dropout=0.5),  # -> (N, classes)
    )
    initialise(network, std=0.1)
    return network
