"""SqueezeNet against published parameter counts and torchvision's logits."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from twins import assert_equal_logits, blank, twins

import cvp_core
from cvp_core.errors import WeightsError
from cvp_core.summary import count_parameters

# torchvision.models.SqueezeNet*_Weights, meta["num_params"] and meta["min_size"].
PUBLISHED = {
    "squeezenet1_0": (1_248_424, 21),
    "squeezenet1_1": (1_235_496, 17),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameters_and_smallest_side_are_those_that_torchvision_publishes(name: str) -> None:
    parameters = count_parameters(blank(name))
    assert (parameters, cvp_core.get_spec(name).min_size) == PUBLISHED[name]


@pytest.mark.parametrize("name", PUBLISHED)
def test_one_pixel_less_than_the_smallest_side_leaves_nothing_to_pool(name: str) -> None:
    model = cvp_core.create_model(name).eval()
    side = cvp_core.get_spec(name).min_size
    assert model.forward_features(torch.randn(1, 3, side, side)).shape == (1, 512, 1, 1)
    with pytest.raises(RuntimeError, match="too small"):
        model(torch.randn(1, 3, side - 1, side - 1))


@pytest.mark.parametrize("name", PUBLISHED)
def test_logits_equal_torchvisions(name: str) -> None:
    assert_equal_logits(*twins(name), 32, 96, 224)


def test_a_fire_module_gives_half_of_its_channels_to_each_filter_size() -> None:
    """fire2 of table 1 in arXiv:1602.07360: 96 maps squeezed to 16, expanded to 64 and 64."""
    fire = cvp_core.create_model("squeezenet1_0").stages[0].layers[0]
    x = torch.randn(1, 96, 8, 8)
    with torch.no_grad():
        y = fire(x)
        squeezed = fire.reduce(x)
        halves = {name: branch(squeezed) for name, branch in fire.expand.branches.items()}
    assert squeezed.shape == (1, 16, 8, 8)
    assert torch.equal(y[:, :64], halves["pointwise"])
    assert torch.equal(y[:, 64:], halves["spatial"])


@pytest.mark.parametrize("seed", range(5))
def test_no_class_of_two_starts_where_its_relu_lets_no_gradient_through(seed: int) -> None:
    torch.manual_seed(seed)
    model = cvp_core.create_model("squeezenet1_1", num_classes=2).eval()
    with torch.no_grad():
        assert (model(torch.randn(4, 3, 32, 32)) > 0).all()


def test_the_head_swap_gives_another_convolution() -> None:
    model = cvp_core.create_model("squeezenet").eval()
    model.reset_head(4)
    assert isinstance(model.head.classifier, nn.Conv2d)
    assert model(torch.randn(2, 3, 64, 64)).shape == (2, 4)


def test_a_key_of_another_network_is_named() -> None:
    with pytest.raises(WeightsError, match=r"layer1\.0\.conv1\.weight"):
        cvp_core.convert_state_dict("squeezenet1_1", {"layer1.0.conv1.weight": torch.zeros(1)})
