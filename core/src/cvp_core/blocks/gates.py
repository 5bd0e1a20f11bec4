"""Gates: factors between 0 and 1, computed from the feature map itself, that say how much of each channel passes."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["SqueezeExcite"]


class SqueezeExcite(nn.Module):
    """x * gate(expand(act(reduce(mean of x)))) (Hu et al. 2018, sec. 3, arXiv:1709.01507).

    Maps (N, channels, H, W) to the same shape, one factor a channel. `reduced` is the channel count between the
    two biased 1x1 convolutions. MobileNetV3 takes nn.Hardsigmoid for `gate`, EfficientNet nn.SiLU for `act`.
    """

    def __init__(
        self,
        channels: int,
        reduced: int,
        *,
        act: type[nn.Module] = nn.ReLU,
        gate: type[nn.Module] = nn.Sigmoid,
    ) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.reduce = nn.Conv2d(channels, reduced, 1)
        self.act = act()
        self.expand = nn.Conv2d(reduced, channels, 1)
        self.gate = gate()

    def forward(self, x: Tensor) -> Tensor:
        factor = self.gate(self.expand(self.act(self.reduce(self.pool(x)))))  # (N, channels, 1, 1)
        return x * factor
