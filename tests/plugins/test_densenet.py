"""DenseNet against the paper's counts and torchvision's logits."""

from __future__ import annotations

import pytest
import torch
import torchvision
from twins import assert_equal_logits, blank, twins

import cvp_core
from cvp_core.blank import without_memory
from cvp_core.errors import WeightsError
from cvp_core.summary import count_parameters

# torchvision.models.DenseNet*_Weights, meta["num_params"].
PUBLISHED = {
    "densenet121": 7_978_856,
    "densenet161": 28_681_000,
    "densenet169": 14_149_480,
    "densenet201": 20_013_928,
}

# Table 2 of arXiv:1608.06993, in millions.
TABLE_2 = {
    "densenet_40_12": 1.0,
    "densenet_bc_100_12": 0.8,
    "densenet_bc_250_24": 15.3,
    "densenet_bc_190_40": 25.6,
}


@pytest.mark.parametrize("name, published", PUBLISHED.items())
def test_parameters_are_those_that_torchvision_publishes(name: str, published: int) -> None:
    assert count_parameters(blank(name)) == published


@pytest.mark.parametrize("name, millions", TABLE_2.items())
def test_small_image_nets_have_the_parameters_of_table_2(name: str, millions: float) -> None:
    assert round(count_parameters(blank(name)) / 1e6, 1) == millions


@pytest.mark.parametrize(
    "name, depth",
    [
        ("densenet_40_12", 40),
        ("densenet_bc_40_12", 40),
        ("densenet_bc_100_12", 100),
        ("densenet_bc_250_24", 250),
        ("densenet_bc_190_40", 190),
    ],
)
def test_the_depth_of_the_name_counts_every_convolution_and_the_classifier(name: str, depth: int) -> None:
    assert sum(isinstance(m, torch.nn.Conv2d | torch.nn.Linear) for m in blank(name).modules()) == depth


@pytest.mark.parametrize("name", PUBLISHED)
def test_logits_equal_torchvisions(name: str) -> None:
    assert_equal_logits(*twins(name), 29, 75, *[224] * (name == "densenet121"))


@pytest.mark.parametrize("name", ["densenet121", "densenet_40_12"])
def test_one_pixel_less_than_the_smallest_side_leaves_nothing_to_pool(name: str) -> None:
    model = cvp_core.create_model(name).eval()
    side = cvp_core.get_spec(name).min_size
    with torch.no_grad():
        assert model.forward_features(torch.randn(1, 3, side, side)).shape[2:] == (1, 1)
        with pytest.raises(RuntimeError, match="too small"):
            model(torch.randn(1, 3, side - 1, side - 1))


def test_keys_of_the_published_files_of_2017_are_understood() -> None:
    with without_memory():
        state = torchvision.models.densenet121().state_dict()
    old = {key.replace("norm1.", "norm.1.").replace("conv2.", "conv.2."): tensor for key, tensor in state.items()}
    old = {f"module.{key}": tensor for key, tensor in old.items()}
    converted = cvp_core.convert_state_dict("densenet121", old)
    assert converted.keys() == blank("densenet121").state_dict().keys()


def test_a_key_of_another_network_is_named() -> None:
    with pytest.raises(WeightsError, match=r"layer1\.0\.conv1\.weight"):
        cvp_core.convert_state_dict("densenet121", {"layer1.0.conv1.weight": torch.zeros(1)})


def test_a_dense_layer_only_adds_channels_to_what_it_reads() -> None:
    model = cvp_core.create_model("densenet_40_12").eval()
    x = torch.randn(1, 16, 8, 8)
    with torch.no_grad():
        y = model.stages[0].layers[0](x)
    assert y.shape[1] == 16 + 12
    assert torch.equal(y[:, :16], x)
