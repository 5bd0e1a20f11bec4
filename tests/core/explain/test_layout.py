"""How the maps and tokens of networks lie over their pictures."""

from __future__ import annotations

import pytest
import torch

from cvp_core.explain.layout import layout_of


@pytest.mark.parametrize(
    "size, tokens, grid, extra",
    [
        ((224, 224), 197, (14, 14), 1),  # ViT-B/16: a class token
        ((224, 224), 198, (14, 14), 2),  # DeiT: and a distillation token
        ((224, 224), 201, (14, 14), 5),  # DINOv2's kind: and four registers
        ((224, 224), 196, (14, 14), 0),  # MLP-Mixer
        ((224, 224), 50, (7, 7), 1),  # ViT-B/32
        ((518, 518), 1370, (37, 37), 1),  # patches of 14
        ((128, 64), 33, (8, 4), 1),
        ((230, 230), 197, (14, 14), 1),  # the remainder of a patch is lost
    ],
)
def test_tokens_are_laid_over_the_picture(
    size: tuple[int, int], tokens: int, grid: tuple[int, int], extra: int
) -> None:
    layout = layout_of(torch.zeros(1, tokens, 2), torch.zeros(1, 3, *size))
    assert layout is not None
    assert (layout.grid, layout.extra) == (grid, extra)


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (1, 10), (1, 64, 1, 1), (1, 1, 64), (2, 8, 4, 4)])
def test_what_lies_over_no_places_is_no_map(shape: tuple[int, ...]) -> None:
    assert layout_of(torch.zeros(shape), torch.zeros(1, 3, 32, 32)) is None
