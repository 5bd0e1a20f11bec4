"""How wide a RegNet is at each block: a straight line, rounded to a few widths (sec. 3.3 of arXiv:2003.13678)."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from cvp_core.blocks import round_channels

__all__ = ["Stage", "stage_layout"]


@dataclass(frozen=True, slots=True)
class Stage:
    """Blocks of one resolution. `width`: their channels; `groups`: of the 3x3 convolution."""

    blocks: int
    width: int
    groups: int


def stage_layout(depth: int, line: tuple[int, float, float], group_width: int) -> tuple[Stage, ...]:
    """The stages of `depth` blocks (d) whose widths follow `line` = (w_0, w_a, w_m); `group_width` is g.

    Blocks of equal width are a stage. Widths are multiples of 8, as the authors' code has them, and of g.
    """
    w_0, w_a, w_m = line
    widths: list[int] = []
    for j in range(depth):
        u = w_0 + w_a * j  # eq. 2: the line
        s = math.log(u / w_0) / math.log(w_m)  # eq. 3 solved for s: how many steps of factor w_m lead to u
        widths.append(8 * round(w_0 * w_m ** round(s) / 8))  # eq. 4: whole steps
    stages: list[Stage] = []
    for width, blocks in Counter(widths).items():
        group = min(group_width, width)
        fitted = round_channels(width, group)
        stages.append(Stage(blocks, fitted, fitted // group))
    return tuple(stages)
