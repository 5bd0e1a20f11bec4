"""What a block computes before a path joins it to its input: named units in a row.

A branch is an nn.Sequential with the role names that all families share: `reduce` (1x1, to the width),
`spatial` (3x3), `project` (to the output; 1x1 except in `basic`).
"""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from .units import ConvNormAct, NormActConv

__all__ = ["basic", "bottleneck", "pre_activated_basic", "pre_activated_bottleneck"]


def basic(in_channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    """Two 3x3 convolutions, the first with the stride: ResNet-18's and -34's (arXiv:1512.03385, fig. 5 left).

    Maps (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)). The last unit has no
    activation: the path applies it to the sum.
    """
    return nn.Sequential(
        OrderedDict(
            spatial=ConvNormAct(in_channels, out_channels, 3, stride=stride),
            project=ConvNormAct(out_channels, out_channels, 3, activation=False),
        )
    )


def bottleneck(
    in_channels: int,
    width: int,
    out_channels: int,
    *,
    stride: int = 1,
    groups: int = 1,
    gate: nn.Module | None = None,
) -> nn.Sequential:
    """1x1 to `width`, 3x3 in `groups` with the stride, `gate`, 1x1 to `out_channels` (arXiv:1512.03385, fig. 5 right).

    With groups it is ResNeXt's branch in its third form (arXiv:1611.05431, fig. 3c). `gate` keeps (N, width, H', W');
    RegNetY puts a `SqueezeExcite` there (arXiv:2003.13678, sec. 4). Maps (N, in_channels, H, W) to
    (N, out_channels, ceil(H / stride), ceil(W / stride)). The last unit has no activation: the path applies it to
    the sum.
    """
    units: OrderedDict[str, nn.Module] = OrderedDict(
        reduce=ConvNormAct(in_channels, width, 1),
        spatial=ConvNormAct(width, width, 3, stride=stride, groups=groups),
    )
    if gate is not None:
        units["gate"] = gate
    units["project"] = ConvNormAct(width, out_channels, 1, activation=False)
    return nn.Sequential(units)


def pre_activated_basic(in_channels: int, out_channels: int) -> nn.Sequential:
    """One pre-activated 3x3 convolution: DenseNet's composite function H (arXiv:1608.06993, sec. 3)."""
    return nn.Sequential(OrderedDict(spatial=NormActConv(in_channels, out_channels, 3)))


def pre_activated_bottleneck(
    in_channels: int,
    width: int,
    out_channels: int | None = None,
    *,
    stride: int = 1,
    groups: int = 1,
    spatial_channels: int | None = None,
) -> nn.Sequential:
    """1x1 to `width`, 3x3 in `groups`, and, where `out_channels` is given, 1x1 to `out_channels`.

    Without `out_channels` it is DenseNet-B's branch (arXiv:1608.06993, sec. 3), whose 3x3 gives
    `spatial_channels` (the growth rate); with it, and with groups, the branch of DPN (arXiv:1707.01629, sec. 4).
    """
    spatial_channels = width if spatial_channels is None else spatial_channels
    units: OrderedDict[str, nn.Module] = OrderedDict(
        reduce=NormActConv(in_channels, width, 1),
        spatial=NormActConv(width, spatial_channels, 3, stride=stride, groups=groups),
    )
    if out_channels is not None:
        units["project"] = NormActConv(spatial_channels, out_channels, 1)
    return nn.Sequential(units)
