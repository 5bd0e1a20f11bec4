"""From the last feature map to one number a class."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["PoolHead"]


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
