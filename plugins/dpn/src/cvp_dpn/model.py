"""Dual path networks (Chen et al. 2017, arXiv:1707.01629): some channels are added to, the others concatenated.

A block is the path `DualPath` around a pre-activated grouped bottleneck. Its feature map is one tensor, the
residual channels first and the dense ones after them in the order in which the blocks made them. Without dense
channels the net is a pre-activated ResNeXt, without residual ones it is DenseNet-like.

The batch norm and ReLU after the last block belong to the last stage. Two parts are written otherwise than in the
authors' code and compute the same: the classifier is a linear layer, theirs a 1x1 convolution; and the last 1x1
convolution of DPN-68b is one, not one for either kind of channel, so that DPN-68b is DPN-68 with other weights.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from cvp_core import ImageClassifier
from cvp_core.blocks import ConvNormAct, DualPath, NormActConv, PoolHead, pre_activated_bottleneck

__all__ = ["build"]

NORM_EPS = 1e-3  # of every batch norm, as the published weights were trained


def dual_path_stage(
    channels: int, layers: int, bottleneck: int, widths: tuple[int, int], *, groups: int, stride: int
) -> tuple[nn.Sequential, int]:
    """(N, channels, H, W) -> (N, out_channels, H / stride, W / stride), and out_channels.

    widths: r residual channels, k dense channels that each block adds. The first block projects its input to
    r + 2k channels, as in the authors' code, so out_channels is r + (2 + layers) k.
    Raises ValueError where a block would have no channels.
    """
    residual, dense = widths
    if min(widths) < 0 or residual + dense == 0:
        raise ValueError(f"{residual} residual and {dense} dense channels: give at least one of either kind")
    paths: list[nn.Module] = []
    for index in range(layers):
        step = 1 if index else stride
        branch = pre_activated_bottleneck(channels, bottleneck, residual + dense, stride=step, groups=groups)
        if index:
            paths.append(DualPath(branch, residual))
            channels += dense
        else:
            shortcut = NormActConv(channels, residual + 2 * dense, 1, stride=step)
            paths.append(DualPath(branch, residual, shortcut))
            channels = residual + 3 * dense
    return nn.Sequential(*paths), channels


def build(
    layers: tuple[int, ...],
    residual: tuple[int, ...],
    dense: tuple[int, ...],
    groups: tuple[int, int],
    stem: tuple[int, int],
    *,
    num_classes: int,
    input_size: tuple[int, int, int],
) -> ImageClassifier:
    """A dual path network; layers, residual and dense have an entry a stage.

    layers: blocks. residual: r, the channels that are added to. dense: k, the channels that a block adds.
    groups: how many groups a 3x3 convolution has and the channels of a group in the first stage, which every
        later stage doubles; "32 x 4d" in the paper.
    stem: channels and kernel of the first convolution.
    Raises ValueError if the tuples are not of one length or a stage has neither residual nor dense channels.
    """
    stem_channels, kernel = stem
    count, group_width = groups
    channels = stem_channels
    stages: list[nn.Module] = []
    for index, (blocks, added, appended) in enumerate(zip(layers, residual, dense, strict=True)):
        bottleneck, stride = count * group_width * 2**index, 2 if index else 1
        stage, channels = dual_path_stage(channels, blocks, bottleneck, (added, appended), groups=count, stride=stride)
        parts: OrderedDict[str, nn.Module] = OrderedDict(layers=stage)
        if index == len(layers) - 1:
            parts["norm"] = nn.BatchNorm2d(channels)
            parts["act"] = nn.ReLU(inplace=True)
        stages.append(nn.Sequential(parts))

    unit = ConvNormAct(input_size[0], stem_channels, kernel, stride=2)
    network = ImageClassifier(
        # (N, 3, 224, 224) -> (N, 64, 56, 56)
        stem=nn.Sequential(OrderedDict(unit=unit, pool=nn.MaxPool2d(3, 2, padding=1))),
        stages=nn.Sequential(*stages),  # -> (N, 2688, 7, 7)
        head=PoolHead(channels, num_classes),  # -> (N, classes)
    )
    for module in network.modules():  # weights start as PyTorch draws them, as in timm
        if isinstance(module, nn.BatchNorm2d):
            module.eps = NORM_EPS
    return network
