"""TensorFlow's padding, with which EfficientNet-Lite's weights were trained."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from cvp_core.blocks import ConvNormAct

__all__ = ["SameConv2d", "pad_like_tensorflow"]


class SameConv2d(nn.Conv2d):
    """A convolution padded to ceil(side / stride) pixels, as TensorFlow's "same" does it.

    Only as many zeros as the kernel needs, shared between both ends; an odd one goes to the end. So a stride of 2 at an
    even side begins one pixel later than symmetric padding does, and at an odd side where that does.
    """

    def forward(self, input: Tensor) -> Tensor:
        rows = missing(input.size(2), self.kernel_size[0], self.stride[0])
        columns = missing(input.size(3), self.kernel_size[1], self.stride[1])
        padded = functional.pad(input, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
        return self._conv_forward(padded, self.weight, self.bias)


def missing(side: int, kernel: int, stride: int) -> int:
    """Zeros in total that a side needs for ceil(side / stride) positions of the kernel."""
    positions = (side + stride - 1) // stride
    return max((positions - 1) * stride + kernel - side, 0)


def pad_like_tensorflow(network: nn.Module) -> None:
    """Puts a `SameConv2d` into every unit that has a stride; without one, symmetric padding is the same."""
    for unit in network.modules():
        if isinstance(unit, ConvNormAct) and unit.conv.stride != (1, 1):
            old = unit.conv
            kernel, stride = old.kernel_size[0], old.stride[0]
            unit.conv = SameConv2d(old.in_channels, old.out_channels, kernel, stride, groups=old.groups, bias=False)
