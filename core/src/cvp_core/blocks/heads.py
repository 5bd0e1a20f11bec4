"""From the last feature map to one number a class."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["HiddenHead", "HiddenLinear", "PoolHead"]


class PoolHead(nn.Module):
    """Global average pooling, dropout, one linear layer (Lin et al. 2013, sec. 3.2, arXiv:1312.4400).

    Maps (N, features, H, W) to (N, classes). `dropout` is the probability to drop a feature.
    """

    def __init__(self, features: int, num_classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten(1)
        self.dropout = nn.Dropout(dropout) if dropout > 0 else nn.Identity()
        self.classifier = nn.Linear(features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.dropout(self.flatten(self.pool(x))))


class HiddenHead(nn.Module):
    """Pooling to `pool` pixels a side, hidden linear layers each with its activation, one linear layer.

    Maps (N, C, H, W) to (N, classes). `features` is C * H * W of the map that is flattened, after the pooling where
    `pool` asks for one. `hidden` is the width of each hidden layer. `dropout` is the probability to drop an input of
    each linear layer, the classifier's last; () drops none. Raises ValueError for another number of probabilities.
    """

    def __init__(
        self,
        features: int,
        hidden: Sequence[int],
        num_classes: int,
        *,
        pool: int | None = None,
        activation: type[nn.Module] = nn.ReLU,
        dropout: Sequence[float] = (),
    ) -> None:
        super().__init__()
        drops = dropout or (0.0,) * (len(hidden) + 1)
        if len(drops) != len(hidden) + 1:
            raise ValueError(f"dropout has {len(drops)} probabilities; {len(hidden) + 1} linear layers need one each")
        self.pool = nn.Identity() if pool is None else nn.AdaptiveAvgPool2d(pool)
        self.flatten = nn.Flatten(1)
        layers: list[nn.Module] = []
        for width, drop in zip(hidden, drops, strict=False):  # the last one is the classifier's
            parts: OrderedDict[str, nn.Module] = OrderedDict()
            if drop > 0:
                parts["dropout"] = nn.Dropout(drop)
            parts["linear"] = nn.Linear(features, width)
            parts["act"] = activation()
            layers.append(nn.Sequential(parts))
            features = width
        self.hidden = nn.Sequential(*layers)
        self.dropout = nn.Dropout(drops[-1]) if drops[-1] > 0 else nn.Identity()
        self.classifier = nn.Linear(features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.hidden(self.flatten(self.pool(x)))
        return self.classifier(self.dropout(x))


class HiddenLinear(nn.Linear):
    """A linear layer behind a hidden one of as many units as it has inputs, and ReLU: (N, features) to (N, classes).

    It is a linear layer to whoever asks for a classifier's inputs, outputs and last weights.
    """

    def __init__(
        self, features: int, num_classes: int, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__(features, num_classes, device=device, dtype=dtype)
        self.hidden = nn.Linear(features, features, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(self.hidden(x).relu(), self.weight, self.bias)
