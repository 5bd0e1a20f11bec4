"""How branches are joined: to their input by addition, concatenation or both, or side by side to one another."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["Concat", "Dense", "DualPath", "GrowingPath", "Residual", "channels_of"]


class GrowingPath(nn.Module):
    """A path that leaves its input's channels in their place: it adds to some of them and appends others.

    So a row of such paths can work within one map, each on the channels before it, where `forward` would copy all of
    them at every path: at inference alone, for the state that a gradient needs is overwritten.
    """

    def growth(self) -> int | None:
        """The channels that it appends; None where its input does not stay, as with a projected shortcut."""
        raise NotImplementedError

    def write(self, whole: Tensor, channels: int) -> None:
        """`forward` within `whole`, (N, at least channels + growth, H, W), whose first `channels` are x."""
        raise NotImplementedError


def channels_of(branch: nn.Module) -> int:
    """What a branch gives that ends with a convolution, whatever follows it keeping the channels."""
    return [module.out_channels for module in branch.modules() if isinstance(module, nn.Conv2d)][-1]


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


class Dense(GrowingPath):
    """[x, branch(x)] along the channels (Huang et al. 2017, eq. 2, arXiv:1608.06993).

    Maps (N, C, H, W) to (N, C + k, H, W) with k, the growth rate, the branch's output channels.
    """

    def __init__(self, branch: nn.Module) -> None:
        super().__init__()
        self.branch = branch

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.branch(x)], dim=1)

    def growth(self) -> int:
        return channels_of(self.branch)

    def write(self, whole: Tensor, channels: int) -> None:
        y = self.branch(whole[:, :channels])
        whole[:, channels : channels + y.size(1)] = y


class DualPath(GrowingPath):
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

    def growth(self) -> int | None:
        return channels_of(self.branch) - self.width if self.shortcut is None else None

    def write(self, whole: Tensor, channels: int) -> None:
        y = self.branch(whole[:, :channels])
        whole[:, : self.width] += y[:, : self.width]
        whole[:, channels : channels + y.size(1) - self.width] = y[:, self.width :]


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
