"""How branches are joined: to their input by addition, concatenation or both, or side by side to one another."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["Concat", "Dense", "DualPath", "Residual"]


class Residual(nn.Module):
    """act(shortcut(x) + branch(x)) (He et al. 2015, eq. 1 and 2, arXiv:1512.03385).

    `shortcut` is None for the identity; `act` is None for the pre-activated and the linear kinds. The branch
    must give the shape that the shortcut gives.
    """

    def __init__(self, branch: nn.Module, shortcut: nn.Module | None = None, act: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        short = x if self.shortcut is None else self.shortcut(x)
        y = short + self.branch(x)
        return y if self.act is None else self.act(y)


class Dense(nn.Module):
    """[x, branch(x)] along the channels (Huang et al. 2017, eq. 2, arXiv:1608.06993).

    Maps (N, C, H, W) to (N, C + k, H, W) with k, the growth rate, the branch's output channels.
    """

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.branch(x)], dim=1)


class DualPath(nn.Module):
    """The first `width` channels are added to, the others concatenated (Chen et al. 2017, arXiv:1707.01629, eq. 9).

    With r = `width`, s = shortcut(x) or x, and y = branch(x): [s[:r] + y[:r], s[r:], y[r:]] along the channels.
    Maps (N, r + d, H, W) to (N, r + d + k, H', W') where the branch gives r + k channels.
    """

    def __init__(self, branch: nn.Module, width: int, shortcut: nn.Module | None = None) -> None:
        super().__init__()
        self.branch = branch
        self.shortcut = shortcut
        self.width = width

    def forward(self, x: Tensor) -> Tensor:
        short = x if self.shortcut is None else self.shortcut(x)
        y = self.branch(x)
        added = short[:, : self.width] + y[:, : self.width]
        return torch.cat([added, short[:, self.width :], y[:, self.width :]], dim=1)


class Concat(nn.Module):
    """[b(x) for each branch b] along the channels, without x itself (Szegedy et al. 2014, fig. 2, arXiv:1409.4842).

    Maps (N, C, H, W) to (N, sum of the branches' channels, H', W'), in the order of `branches`, which must agree in
    (H', W').
    """

    def __init__(self, branches: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.branches = nn.ModuleDict(branches)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([branch(x) for branch in self.branches.values()], dim=1)
