"""ShuffleNet V2 against the paper's table 5 and torchvision's counts and logits."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models.shufflenetv2 import channel_shuffle
from twins import assert_equal_logits, blank, twins

import cvp_core
from cvp_core.errors import WeightsError
from cvp_shufflenet.model import SplitShuffle

# torchvision.models.ShuffleNet_V2_*_Weights, meta["num_params"] and meta["_ops"] (10^9 multiply-accumulates), and
# the parameters of table 5 of arXiv:1807.11164 in millions.
PUBLISHED = {
    "shufflenet_v2_x0_5": (1_366_792, 0.04, 1.4),
    "shufflenet_v2_x1_0": (2_278_604, 0.145, 2.3),
    "shufflenet_v2_x1_5": (3_503_624, 0.296, 3.5),
    "shufflenet_v2_x2_0": (7_393_996, 0.583, 7.4),
}


@pytest.mark.parametrize("name, published", PUBLISHED.items())
def test_parameters_and_macs_are_those_of_torchvision_and_the_paper(
    name: str, published: tuple[int, float, float]
) -> None:
    parameters, macs, millions = published
    spec = cvp_core.get_spec(name)  # that it tells the truth is checked for every model
    assert (spec.parameters, round(spec.macs / 1e9, 3)) == (parameters, macs)
    assert round(parameters / 1e6, 1) == millions


@pytest.mark.parametrize("name", PUBLISHED)
def test_logits_equal_torchvisions(name: str) -> None:
    assert_equal_logits(*twins(name), 1, 75, 224)


def test_a_block_passes_half_of_its_channels_on_untouched_in_every_second_place() -> None:
    block = blank("shufflenet_v2_x1_0").stages[0].blocks[1]
    assert block.shortcut is None
    x = torch.randn(2, 8, 5, 5)
    assert torch.equal(SplitShuffle(nn.ReLU())(x)[:, 0::2], x[:, :4])
    assert torch.equal(SplitShuffle(nn.ReLU())(x)[:, 1::2], x[:, 4:].relu())


def test_the_path_is_concatenation_and_channel_shuffle_of_two_groups() -> None:
    x = torch.randn(2, 6, 5, 7)
    joined = torch.cat([x.sigmoid(), x.tanh()], dim=1)
    assert torch.equal(SplitShuffle(nn.Tanh(), nn.Sigmoid())(x), channel_shuffle(joined, 2))


def test_only_the_first_block_of_a_stage_strides_and_its_both_sides_read_all_channels() -> None:
    channels = 24
    for stage in blank("shufflenet_v2_x1_0").stages:
        first, *others = stage.blocks
        assert first.shortcut.depthwise.conv.stride == first.branch.depthwise.conv.stride == (2, 2)
        assert first.shortcut.depthwise.conv.in_channels == first.branch.reduce.conv.in_channels == channels
        assert all(block.shortcut is None for block in others)
        channels = 2 * first.branch.project.conv.out_channels


def test_a_key_of_another_network_is_named() -> None:
    with pytest.raises(WeightsError, match=r"layer1\.0\.conv1\.weight"):
        cvp_core.convert_state_dict("shufflenet_v2_x1_0", {"layer1.0.conv1.weight": torch.zeros(1)})
