"""The algebra: branch and path give the families that the papers describe."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cvp_core.blocks import (
    Concat,
    ConvNormAct,
    Dense,
    DualPath,
    HiddenHead,
    Residual,
    StochasticDepth,
    pre_activated_bottleneck,
)

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


def test_concat_sets_its_branches_side_by_side_in_their_order() -> None:
    branches = {"wide": conv(4), "narrow": conv(2)}
    expected = torch.cat([branches["wide"](X), branches["narrow"](X)], 1)
    assert torch.equal(Concat(branches)(X), expected)


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


@pytest.mark.parametrize("kernel, padding, size", [((1, 7), None, (9, 8)), ((7, 1), None, (9, 8)), (3, 0, (7, 6))])
def test_a_unit_keeps_the_size_unless_its_padding_is_given(
    kernel: int | tuple[int, int], padding: int | None, size: tuple[int, int]
) -> None:
    unit = ConvNormAct(3, 4, kernel, padding=padding)
    assert unit(torch.randn(2, 3, 9, 8)).shape == (2, 4, *size)


def test_a_head_with_hidden_layers_drops_inputs_of_those_layers_that_it_is_told() -> None:
    head = HiddenHead(8 * 2 * 2, (6, 5), 3, pool=2, activation=nn.Tanh, dropout=(0.5, 0.0, 0.1))
    kinds = [type(module) for module in head.modules() if not any(module.children())]
    layer = [nn.Linear, nn.Tanh]
    assert kinds == [nn.AdaptiveAvgPool2d, nn.Flatten, nn.Dropout, *layer, *layer, nn.Dropout, nn.Linear]
    assert head(X).shape == (2, 3)
    with pytest.raises(ValueError, match="dropout has 1 probabilities; 2 linear layers"):
        HiddenHead(8, (6,), 3, dropout=(0.5,))


def test_a_head_without_hidden_layers_is_one_linear_layer() -> None:
    head = HiddenHead(8 * 5 * 5, (), 3)
    assert torch.equal(head(X), head.classifier(X.flatten(1)))
