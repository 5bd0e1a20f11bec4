"""Dual paths whose added and appended channels are maps of their own, instead of cut out of one and put together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ...blocks import DualPath, NormActConv
from .rewriting import join_rows, resized_conv

__all__ = ["TwoPaths", "two_paths"]


def two_paths(model: nn.Module) -> nn.Module:
    """Every two or more `DualPath`s that follow one another in an nn.Sequential become one `TwoPaths`.

    Only those of pre-activated branches, whose first and last convolutions are plain, and of one width.
    """
    return join_rows(model, _rows, TwoPaths)


def _rows(parts: Iterable[nn.Module]) -> list[list[nn.Module]]:
    """Runs of paths of one width; one that projects its input begins another."""
    rows: list[list[nn.Module]] = []
    for part in parts:
        goes_on = bool(rows) and _width(part) > 0 and _width(part) == _width(rows[-1][0])
        if goes_on and part.shortcut is None:
            rows[-1].append(part)
        else:
            rows.append([part])
    return rows


def _width(part: nn.Module) -> int:
    """Of a path that can be taken apart and has channels of both kinds throughout; 0 of everything else."""
    if type(part) is not DualPath or type(part.branch) is not nn.Sequential or len(part.branch) < 2:
        return 0
    units = [part.branch[0], part.branch[-1], *([] if part.shortcut is None else [part.shortcut])]
    if not all(map(_is_plain, units)):
        return 0
    first, _, last = _ends(part)
    read = first.conv.in_channels if part.shortcut is None else cast(NormActConv, part.shortcut).conv.out_channels
    has_both = min(read, last.conv.out_channels) > part.width
    has_norm = type(first.norm) is nn.BatchNorm2d and first.norm.running_mean is not None
    return part.width if has_both and has_norm else 0


def _is_plain(unit: nn.Module) -> bool:
    """A unit whose convolution can be cut anywhere."""
    return type(unit) is NormActConv and type(unit.conv) is nn.Conv2d and unit.conv.groups == 1


def _ends(path: DualPath) -> tuple[NormActConv, nn.Sequential, NormActConv]:
    """Of its branch: the first unit, what is between, and the last one."""
    branch = cast(nn.Sequential, path.branch)
    return cast(NormActConv, branch[0]), branch[1:-1], cast(NormActConv, branch[-1])


class TwoPaths(nn.Module):
    """A row of dual paths: what is added to and what is appended to stay apart until its end.

    Maps what the row's first path takes to what its last one gives. A convolution that reads both is the sum of two,
    one that writes both is two; neither copies a channel that only passes by. Takes the paths over.

    What it brings DPN-92 on two cores of an AMX Xeon, in images a second of the plain network's, the medians of some
    rounds in turn: ONNX Runtime 1.23, OpenVINO 1.08 in float32 and 1.14 in bfloat16; eager and TorchScript, for which
    it is not used, 0.97 to 1.03.
    """

    def __init__(self, row: Sequence[nn.Module]) -> None:
        super().__init__()
        first, *others = (path for path in row if isinstance(path, DualPath))
        self.width = first.width
        self.opening = None if first.shortcut is None else _Opening(first)
        self.links = nn.ModuleList(_Link(path) for path in (others if first.shortcut is not None else [first, *others]))

    def forward(self, x: Tensor) -> Tensor:
        if self.opening is None:
            added, appended = x[:, : self.width], x[:, self.width :]
        else:
            added, appended = self.opening(x)
        for link in self.links:
            added, appended = link(added, appended)
        return torch.cat([added, appended], dim=1)


class _Written(nn.Module):
    """A unit that gives both: (N, C, H, W) to (N, width, H, W) and the rest of its channels."""

    def __init__(self, unit: NormActConv, width: int) -> None:
        super().__init__()
        self.norm, self.act = unit.norm, unit.act
        channels = torch.arange(unit.conv.out_channels)
        self.added = resized_conv(unit.conv, outputs=channels[:width])
        self.appended = resized_conv(unit.conv, outputs=channels[width:])

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.act(self.norm(x))
        return self.added(seen), self.appended(seen)


class _Opening(nn.Module):
    """The path that projects its input."""

    def __init__(self, path: DualPath) -> None:
        super().__init__()
        first, between, last = _ends(path)
        self.body = nn.Sequential(first, *between)
        self.last = _Written(last, path.width)
        self.shortcut = _Written(cast(NormActConv, path.shortcut), path.width)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        added, appended = self.shortcut(x)
        more, new = self.last(self.body(x))
        return added + more, torch.cat([appended, new], dim=1)


class _Link(nn.Module):
    """A path on the input as it is."""

    def __init__(self, path: DualPath) -> None:
        super().__init__()
        first, self.body, last = _ends(path)
        channels = torch.arange(first.conv.in_channels)
        self.act = first.act
        self.norm_added = _part_of(first.norm, slice(None, path.width))
        self.norm_appended = _part_of(first.norm, slice(path.width, None))
        self.added = resized_conv(first.conv, inputs=channels[: path.width])
        self.appended = resized_conv(first.conv, inputs=channels[path.width :])
        self.added.bias = None
        self.last = _Written(last, path.width)

    def forward(self, added: Tensor, appended: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.added(self.act(self.norm_added(added))) + self.appended(self.act(self.norm_appended(appended)))
        more, new = self.last(self.body(seen))
        return added + more, torch.cat([appended, new], dim=1)


def _part_of(norm: nn.BatchNorm2d, channels: slice) -> nn.BatchNorm2d:
    part = nn.BatchNorm2d(norm.num_features, eps=norm.eps, affine=norm.affine)
    kept = {name: tensor[channels] if tensor.dim() else tensor for name, tensor in norm.state_dict().items()}
    part.num_features = len(kept["running_mean"])
    for name, tensor in kept.items():
        if name in part._parameters:
            setattr(part, name, nn.Parameter(tensor.clone(), requires_grad=False))
        else:
            part.register_buffer(name, tensor.clone())
    return part.eval()
