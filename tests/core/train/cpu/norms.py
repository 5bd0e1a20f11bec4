"""Norms and their maps, the same each time."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def maps_of(shape: tuple[int, ...], mean: float = 1.0, deviation: float = 2.0) -> Tensor:
    """Random values that bfloat16 has."""
    numbers = torch.Generator().manual_seed(0)
    maps = mean + deviation * torch.randn(shape, generator=numbers)
    return maps.bfloat16().to(memory_format=torch.channels_last)


def norm_of(channels: int) -> nn.BatchNorm2d:
    torch.manual_seed(0)
    layer = nn.BatchNorm2d(channels)
    nn.init.uniform_(layer.weight, -1.5, 1.5)
    nn.init.normal_(layer.bias)
    return layer
