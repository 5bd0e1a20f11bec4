"""What both networks are made of: chains of convolutions, pooled branches, stages and the weights' first values."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import nn

from cvp_core import ImageClassifier
from cvp_core.blocks import ConvNormAct

__all__ = ["Kernel", "chain", "initialise", "pooled", "stage"]

Kernel = int | tuple[int, int]  # pixels a side, or (height, width)


def chain(channels: int, *units: tuple[Kernel, int]) -> nn.Sequential:
    """Convolutions in a row, each (kernel, channels that it gives). Maps (N, channels, H, W) to (N, last, H, W)."""
    row: list[nn.Module] = []
    for kernel, out_channels in units:
        row.append(ConvNormAct(channels, out_channels, kernel))
        channels = out_channels
    return nn.Sequential(*row)


def pooled(pool: nn.Module, channels: int, out_channels: int) -> nn.Sequential:
    """A pooling that keeps the size, then 1x1. Maps (N, channels, H, W) to (N, out_channels, H, W)."""
    return nn.Sequential(OrderedDict(pool=pool, project=ConvNormAct(channels, out_channels, 1)))


def stage(layers: Sequence[nn.Module], pool: nn.Module | None = None) -> nn.Sequential:
    """The Inception modules of one resolution, after the pooling that leads to it, where there is one."""
    parts: OrderedDict[str, nn.Module] = OrderedDict()
    if pool is not None:
        parts["pool"] = pool
    parts["layers"] = nn.Sequential(*layers)
    return nn.Sequential(parts)


def initialise(network: ImageClassifier, std: float) -> None:
    """Weights from N(0, std^2) and batch norm's epsilon, as torchvision's (it cuts off at +-2, where nothing is)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.normal_(module.weight, std=std)
        elif isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3
