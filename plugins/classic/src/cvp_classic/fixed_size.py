"""The stem of a net that is built for one picture size: it lets that size through and names any other."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["FixedSize"]


class FixedSize(nn.Module):
    """The identity on (N, channels, height, width) for any N; ValueError for another shape."""

    def __init__(self, input_size: tuple[int, int, int]) -> None:
        super().__init__()
        self.input_size = list(input_size)  # TorchScript compares lists of shapes, not tuples

    def forward(self, image: Tensor) -> Tensor:
        # A tracer would warn of a comparison that it cannot record; the shape is constant there anyway.
        tracing = torch.jit.is_tracing()  # type: ignore[attr-defined]
        if not tracing and list(image.shape[1:]) != self.input_size:
            raise ValueError(
                f"this net was built for pictures of (channels, height, width) {self.input_size}, "
                f"given {list(image.shape[1:])}; build it with that image_size or resize the pictures"
            )
        return image

    def extra_repr(self) -> str:
        return f"{self.input_size}"
