"""ConvNeXt against torchvision's published counts and torchvision's and timm's logits."""

from __future__ import annotations

import pytest
import torch
from twins import assert_equal_logits, blank, twins

import cvp_core
from cvp_core.blocks import StochasticDepth
from cvp_core.errors import WeightsError
from cvp_core.summary import count_parameters

# torchvision.models.ConvNeXt_*_Weights: meta["num_params"], and meta["_ops"] in billions.
PUBLISHED = {
    "convnext_tiny": (28_589_128, 4.456),
    "convnext_small": (50_223_688, 8.684),
    "convnext_base": (88_591_464, 15.355),
    "convnext_large": (197_767_336, 34.361),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_costs_are_those_that_torchvision_publishes(name: str) -> None:
    parameters, billions = PUBLISHED[name]
    assert count_parameters(blank(name)) == parameters
    assert cvp_core.get_spec(name).macs / 1e9 == pytest.approx(billions, abs=0.001)


@pytest.mark.parametrize("name", PUBLISHED)
def test_logits_equal_torchvisions(name: str) -> None:
    assert_equal_logits(*twins(name), 64, *[224] * (name == "convnext_tiny"))


@pytest.mark.parametrize("name", ["convnext_tiny", "convnext_base"])
def test_logits_equal_timms(name: str) -> None:
    assert_equal_logits(*twins(name, "timm"), 64)


def test_other_layout_and_bfloat16_agree_where_the_branches_count() -> None:
    model, _ = twins("convnext_tiny")
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        plain = model(x)
        last = model.to(memory_format=torch.channels_last)(x.contiguous(memory_format=torch.channels_last))
        with torch.autocast("cpu", torch.bfloat16):
            half = model(x).float()
    scale = plain.abs().max().item()
    torch.testing.assert_close(last, plain, rtol=0, atol=1e-5 * scale)
    torch.testing.assert_close(half, plain, rtol=0, atol=0.05 * scale)  # bfloat16 has 8 significant bits


def test_a_key_of_another_network_is_named() -> None:
    with pytest.raises(WeightsError, match=r"layer1\.0\.conv1\.weight"):
        cvp_core.convert_state_dict("convnext_tiny", {"layer1.0.conv1.weight": torch.zeros(1)})


def test_a_fresh_block_passes_on_what_it_reads() -> None:
    block = cvp_core.create_model("convnext_tiny").eval().stages[0].blocks[0]
    x = torch.randn(1, 96, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(block(x), x, rtol=0, atol=1e-4)


def test_the_drop_rate_grows_by_equal_steps_from_none_at_the_first_block() -> None:
    model = blank("convnext_small")
    drops = [module.drop for module in model.modules() if isinstance(module, StochasticDepth)]
    assert drops == pytest.approx([0.4 * index / 35 for index in range(1, 36)])
