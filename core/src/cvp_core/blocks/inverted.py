"""The inverted residual: wide inside, narrow where a path joins it to its input."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from .paths import Residual
from .stochastic import StochasticDepth
from .units import ConvNormAct

__all__ = ["inverted_block", "inverted_residual"]


def inverted_residual(
    in_channels: int,
    width: int,
    out_channels: int,
    kernel: int = 3,
    *,
    stride: int = 1,
    act: type[nn.Module] = nn.ReLU6,
    gate: nn.Module | None = None,
) -> nn.Sequential:
    """1x1 to `width`, depthwise `kernel` x `kernel`, `gate`, linear 1x1 to `out_channels` (arXiv:1801.04381, sec. 3.3).

    Maps (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)). Without `expand` where
    `width` is `in_channels` already. `gate` keeps (N, width, H', W'); MobileNetV3 (arXiv:1905.02244, sec. 5.3) and
    EfficientNet put a `SqueezeExcite` there.
    """
    units: OrderedDict[str, nn.Module] = OrderedDict()
    if width != in_channels:
        units["expand"] = ConvNormAct(in_channels, width, 1, activation=act)
    units["depthwise"] = ConvNormAct(width, width, kernel, stride=stride, groups=width, activation=act)
    if gate is not None:
        units["gate"] = gate
    units["project"] = ConvNormAct(width, out_channels, 1, activation=False)
    return nn.Sequential(units)


def inverted_block(
    branch: nn.Sequential, in_channels: int, out_channels: int, *, stride: int = 1, drop: float = 0.0
) -> nn.Module:
    """`Residual` around `branch` where it keeps the shape, the branch alone elsewhere (arXiv:1801.04381, fig. 4d).

    Maps as `branch` does, (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)); either way
    it is the attribute `branch`. A `drop` above 0 appends `StochasticDepth` to the branch of a residual.
    """
    if stride != 1 or in_channels != out_channels:
        return nn.Sequential(OrderedDict(branch=branch))
    if drop > 0:
        branch.add_module("drop", StochasticDepth(drop))
    return Residual(branch)
