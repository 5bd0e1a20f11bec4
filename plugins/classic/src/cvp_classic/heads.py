"""A head of fully connected layers, as nets had before global average pooling."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

__all__ = ["LinearHead"]


class LinearHead(nn.Module):
    """Flatten, hidden layers each with dropout before and activation after it, one linear layer.

    Maps (N, C, H, W) to (N, classes); `features` is C * H * W after `pool`, where there is one. `hidden` is
    the width of each hidden layer, `dropout` the probability to drop one of its inputs.
    """

    def __init__(
        self,
        features: int,
        hidden: Sequence[int],
        num_classes: int,
        *,
        dropout: float = 0.0,
        activation: type[nn.Module] = nn.ReLU,
        pool: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.pool = nn.Identity() if pool is None else pool
        self.flatten = nn.Flatten(1)
        layers: list[nn.Module] = []
        for width in hidden:
            parts: OrderedDict[str, nn.Module] = OrderedDict()
            if dropout > 0:
                parts["dropout"] = nn.Dropout(dropout)
            parts["linear"] = nn.Linear(features, width)
            parts["act"] = activation()
            layers.append(nn.Sequential(parts))
            features = width
        self.hidden = nn.Sequential(*layers)
        self.classifier = nn.Linear(features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.hidden(self.flatten(self.pool(x))))
