"""Stochastic depth: in training, a branch is left out of some pictures at random."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["StochasticDepth"]


class StochasticDepth(nn.Module):
    """0 for a picture with probability `drop`, else x / (1 - drop) (Huang et al. 2016, sec. 3, arXiv:1603.09382).

    Keeps any shape (N, ...); each picture of a batch is drawn on its own. It ends the branch of a `Residual`, so that a
    dropped picture passes by the shortcut alone, and the expectation is that of evaluation, which drops nothing.
    """

    def __init__(self, drop: float) -> None:
        super().__init__()
        if not 0 <= drop < 1:
            raise ValueError(f"drop is {drop}; a probability from 0 to below 1 is allowed")
        self.drop = drop

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.drop == 0.0:
            return x
        kept = torch.rand([x.size(0)] + [1] * (x.dim() - 1), dtype=torch.float32, device=x.device) >= self.drop
        return x * (kept.to(x.dtype) / (1.0 - self.drop))

    def extra_repr(self) -> str:
        return f"drop={self.drop:.3g}"
