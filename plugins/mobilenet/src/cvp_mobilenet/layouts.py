"""What is in each MobileNet, block by block: table 2 of arXiv:1801.04381, tables 1 and 2 of arXiv:1905.02244."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from cvp_core.blocks import round_channels

__all__ = ["Block", "Layout", "layout"]

# t: expansion of the input's channels, c: output channels, n: blocks, s: stride of the first of them.
V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)

# kernel, expanded channels, output channels, has squeeze-and-excitation, activation, stride
V3_SMALL = (
    (3, 16, 16, True, "relu", 2),
    (3, 72, 24, False, "relu", 2),
    (3, 88, 24, False, "relu", 1),
    (5, 96, 40, True, "hardswish", 2),
    (5, 240, 40, True, "hardswish", 1),
    (5, 240, 40, True, "hardswish", 1),
    (5, 120, 48, True, "hardswish", 1),
    (5, 144, 48, True, "hardswish", 1),
    (5, 288, 96, True, "hardswish", 2),
    (5, 576, 96, True, "hardswish", 1),
    (5, 576, 96, True, "hardswish", 1),
)
V3_LARGE = (
    (3, 16, 16, False, "relu", 1),
    (3, 64, 24, False, "relu", 2),
    (3, 72, 24, False, "relu", 1),
    (5, 72, 40, True, "relu", 2),
    (5, 120, 40, True, "relu", 1),
    (5, 120, 40, True, "relu", 1),
    (3, 240, 80, False, "hardswish", 2),
    (3, 200, 80, False, "hardswish", 1),
    (3, 184, 80, False, "hardswish", 1),
    (3, 184, 80, False, "hardswish", 1),
    (3, 480, 112, True, "hardswish", 1),
    (3, 672, 112, True, "hardswish", 1),
    (5, 672, 160, True, "hardswish", 2),
    (5, 960, 160, True, "hardswish", 1),
    (5, 960, 160, True, "hardswish", 1),
)


@dataclass(frozen=True, slots=True)
class Block:
    """One inverted residual. `width`: expanded channels; `reduced`: those inside the gate, 0 without a gate."""

    kernel: int
    width: int
    out_channels: int
    reduced: int
    act: str
    stride: int


@dataclass(frozen=True, slots=True)
class Layout:
    """A whole network. `features`: channels of the last 1x1 convolution; `hidden`: of the head, 0 for a linear head.

    norm_eps, norm_momentum: of every batch norm, as the reference weights were trained.
    """

    stem: int
    stages: tuple[tuple[Block, ...], ...]
    features: int
    hidden: int
    act: str
    norm_eps: float
    norm_momentum: float


def layout(version: str, width: float) -> Layout:
    """The layout of `version`, a key of the table below, with all channels times `width`."""
    return _VERSIONS[version](width)


def by_resolution(blocks: Iterable[Block]) -> tuple[tuple[Block, ...], ...]:
    """The blocks in stages: a block with a stride begins a new one."""
    stages: list[list[Block]] = []
    for block in blocks:
        if not stages or block.stride > 1:
            stages.append([])
        stages[-1].append(block)
    return tuple(tuple(stage) for stage in stages)


def _v2(width: float) -> Layout:
    stem = channels = round_channels(32 * width)
    blocks = []
    for expansion, out_channels, count, stride in V2:
        for index in range(count):
            out = round_channels(out_channels * width)
            blocks.append(Block(3, expansion * channels, out, 0, "relu6", 1 if index else stride))
            channels = out
    # Sec. 4, "Trade-off hyper parameters": the last convolution grows with the net but does not shrink with it.
    features = round_channels(1280 * max(1.0, width))
    return Layout(stem, by_resolution(blocks), features, 0, "relu6", norm_eps=1e-5, norm_momentum=0.1)


def _v3(rows: tuple[tuple[int, int, int, bool, str, int], ...], hidden: int, width: float) -> Layout:
    blocks = []
    for kernel, expanded, out_channels, has_gate, act, stride in rows:
        expanded = round_channels(expanded * width)
        reduced = round_channels(expanded / 4) if has_gate else 0  # sec. 5.3: a quarter of the expansion
        blocks.append(Block(kernel, expanded, round_channels(out_channels * width), reduced, act, stride))
    return Layout(
        stem=round_channels(16 * width),
        stages=by_resolution(blocks),
        features=6 * blocks[-1].out_channels,
        hidden=round_channels(hidden * width),
        act="hardswish",
        norm_eps=1e-3,
        norm_momentum=0.01,
    )


def _v3_small(width: float) -> Layout:
    return _v3(V3_SMALL, 1024, width)


def _v3_large(width: float) -> Layout:
    return _v3(V3_LARGE, 1280, width)


_VERSIONS = {"v2": _v2, "v3_small": _v3_small, "v3_large": _v3_large}
