"""A convolution with its norm and activation, in the two orders that the families use."""

from __future__ import annotations

from torch import Tensor, nn

__all__ = ["ConvNormAct", "NormActConv"]


class ConvNormAct(nn.Module):
    """Convolution, batch norm, activation: the order of ResNet and of everything before pre-activation.

    Maps (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)). `activation` is True for
    ReLU, False for none (a path acts after the addition, or the unit is linear), or a class that takes `inplace`.
    `kernel` is pixels a side or (height, width); `padding` None is half of it, which gives the sizes above.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | None = None,
        groups: int = 1,
        activation: bool | type[nn.Module] = True,
    ) -> None:
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        pad = (height // 2, width // 2) if padding is None else (padding, padding)
        self.conv = nn.Conv2d(in_channels, out_channels, (height, width), stride, pad, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        act = nn.ReLU if activation is True else activation
        self.act = act(inplace=True) if act else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.norm(self.conv(x)))


class NormActConv(nn.Module):
    """Batch norm, ReLU, convolution: the pre-activated order (He et al. 2016, arXiv:1603.05027).

    Maps (N, in_channels, H, W) to (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.act = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, groups=groups, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.act(self.norm(x)))
