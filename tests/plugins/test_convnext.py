"""ConvNeXt against torchvision's published counts and torchvision's and timm's logits."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import timm
import torch
import torchvision

import cvp_core
from cvp_core.blank import without_memory
from cvp_core.blocks import StochasticDepth
from cvp_core.errors import WeightsError
from cvp_core.registry import find_model
from cvp_core.summary import blank_model, count_parameters

# torchvision.models.ConvNeXt_*_Weights: meta["num_params"], and meta["_ops"] in billions.
PUBLISHED = {
    "convnext_tiny": (28_589_128, 4.456),
    "convnext_small": (50_223_688, 8.684),
    "convnext_base": (88_591_464, 15.355),
    "convnext_large": (197_767_336, 34.361),
}


def lively(build: Callable[[str], torch.nn.Module], name: str) -> torch.nn.Module:
    """A foreign network with random weights of every kind; fresh ones would hide the branches behind 1e-6."""
    torch.manual_seed(0)
    with without_memory():
        model = build(name).eval()
    model.to_empty(device="cpu")
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if key.endswith(("layer_scale", "gamma")):
                parameter.uniform_(0.1, 0.5)
            elif parameter.ndim > 1:
                parameter.uniform_(-1, 1).mul_((3 / parameter[0].numel()) ** 0.5)
            else:
                parameter.normal_()
    return model


def with_weights_of(theirs: torch.nn.Module, name: str, source: str) -> torch.nn.Module:
    """Ours with the same tensors."""
    ours = blank_model(find_model(name), 1000, (3, 224, 224)).eval()
    ours.load_state_dict(cvp_core.convert_state_dict(name, theirs.state_dict(), source), assign=True)
    return ours


def assert_equal_logits(ours: torch.nn.Module, theirs: torch.nn.Module, side: int) -> None:
    x = torch.randn(2, 3, side, side)
    with torch.no_grad():
        expected = theirs(x)
        torch.testing.assert_close(ours(x), expected, rtol=0, atol=1e-5 * expected.abs().max().item())


@pytest.mark.parametrize("name", PUBLISHED)
def test_costs_are_those_that_torchvision_publishes(name: str) -> None:
    parameters, billions = PUBLISHED[name]
    assert count_parameters(blank_model(find_model(name), 1000, (3, 224, 224))) == parameters
    assert cvp_core.get_spec(name).macs / 1e9 == pytest.approx(billions, abs=0.001)


@pytest.mark.parametrize("name", PUBLISHED)
def test_logits_equal_torchvisions(name: str) -> None:
    theirs = lively(torchvision.models.get_model, name)
    ours = with_weights_of(theirs, name, "torchvision")
    assert_equal_logits(ours, theirs, side=64)
    if name == "convnext_tiny":
        assert_equal_logits(ours, theirs, side=224)


@pytest.mark.parametrize("name", ["convnext_tiny", "convnext_base"])
def test_logits_equal_timms(name: str) -> None:
    theirs = lively(timm.create_model, name)
    assert_equal_logits(with_weights_of(theirs, name, "timm"), theirs, side=64)


def test_other_layout_and_bfloat16_agree_where_the_branches_count() -> None:
    model = with_weights_of(lively(torchvision.models.get_model, "convnext_tiny"), "convnext_tiny", "torchvision")
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
    model = blank_model(find_model("convnext_small"), 1000, (3, 224, 224))
    drops = [module.drop for module in model.modules() if isinstance(module, StochasticDepth)]
    assert drops == pytest.approx([0.4 * index / 35 for index in range(1, 36)])
