"""The algebra: branch and path give the families that the papers describe."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cvp_core.blocks import Dense, DualPath, Residual, StochasticDepth, pre_activated_bottleneck

X = torch.randn(2, 8, 5, 5, generator=torch.Generator().manual_seed(0))


def conv(channels: int) -> nn.Module:
    return nn.Conv2d(8, channels, 1)


def test_residual_adds_shortcut_and_branch() -> None:
    branch, shortcut = conv(8), conv(8)
    assert torch.equal(Residual(branch)(X), X + branch(X))
    assert torch.equal(Residual(branch, shortcut, nn.ReLU())(X), torch.relu(shortcut(X) + branch(X)))


def test_dense_concatenates_input_and_branch() -> None:
    branch = conv(3)
    assert torch.equal(Dense(branch)(X), torch.cat([X, branch(X)], 1))


def test_dual_path_adds_on_the_first_channels_and_concatenates_the_others() -> None:
    branch = conv(6 + 2)
    y, new = DualPath(branch, 6)(X), branch(X)
    assert y.shape[1] == 8 + 2
    assert torch.equal(y[:, :6], X[:, :6] + new[:, :6])
    assert torch.equal(y[:, 6:8], X[:, 6:])
    assert torch.equal(y[:, 8:], new[:, 6:])


def test_dual_path_without_dense_channels_is_residual_and_without_residual_ones_is_dense() -> None:
    all_added, all_new = conv(8), conv(3)
    assert torch.equal(DualPath(all_added, 8)(X), Residual(all_added)(X))
    assert torch.equal(DualPath(all_new, 0)(X), Dense(all_new)(X))


def test_a_dual_path_block_halves_the_picture_with_branch_and_shortcut_of_stride_two() -> None:
    branch = pre_activated_bottleneck(8, 12, 6 + 2, stride=2, groups=3)
    shortcut = nn.Conv2d(8, 10, 1, stride=2)
    assert DualPath(branch, 6, shortcut)(X).shape == (2, 12, 3, 3)


def test_stochastic_depth_drops_whole_pictures_and_keeps_the_expectation() -> None:
    torch.manual_seed(0)
    drop = StochasticDepth(0.25).train()
    y = drop(torch.ones(4000, 3, 2, 2))
    by_picture = y.flatten(1)
    assert torch.equal(by_picture.amin(1), by_picture.amax(1))
    assert by_picture[:, 0].unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert y.mean().item() == pytest.approx(1.0, abs=0.05)


def test_stochastic_depth_lets_all_pass_in_evaluation() -> None:
    x = torch.randn(3, 5)
    assert StochasticDepth(0.9).eval()(x) is x
