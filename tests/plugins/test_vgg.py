"""VGG against published parameter counts, torchvision's and timm's logits."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from torch import nn
from twins import assert_equal_logits, blank, twins

import cvp_core
from cvp_core.blank import without_memory
from cvp_core.errors import WeightsError
from cvp_core.summary import count_parameters
from cvp_vgg.model import build

# torchvision.models.VGG*_Weights, meta["num_params"].
PUBLISHED = {
    "vgg11": 132_863_336,
    "vgg11_bn": 132_868_840,
    "vgg13": 133_047_848,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg16_bn": 138_365_992,
    "vgg19": 143_667_240,
    "vgg19_bn": 143_678_248,
}


@pytest.mark.parametrize("name, published", PUBLISHED.items())
def test_parameters_are_those_that_torchvision_publishes(name: str, published: int) -> None:
    assert count_parameters(blank(name)) == published


@pytest.mark.parametrize("source", ["torchvision", "timm"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_logits_equal_the_sources(name: str, source: str) -> None:
    assert_equal_logits(*twins(name, source), 64)


def test_logits_equal_torchvisions_at_full_size() -> None:
    assert_equal_logits(*twins("vgg16"), 224, count=1)


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_number_in_the_name_counts_convolutions_and_linear_layers(name: str) -> None:
    """Table 1 of arXiv:1409.1556: weight layers."""
    depth = sum(isinstance(module, nn.Conv2d | nn.Linear) for module in blank(name).modules())
    assert f"vgg{depth}" == name.removesuffix("_bn")


def test_each_stage_ends_with_a_pooling_that_halves_the_picture() -> None:
    x = torch.zeros(1, 3, 224, 224, device="meta")
    sides = []
    for stage in blank("vgg16").stages:
        x = stage(x)
        sides.append(tuple(x.shape[1:]))
    assert sides == [(64, 112, 112), (128, 56, 56), (256, 28, 28), (512, 14, 14), (512, 7, 7)]


def test_one_linear_layer_for_two_classes_trains_50178_of_14764866_parameters() -> None:
    network = blank("vgg16_linear", num_classes=2)
    assert count_parameters(network) == 14_764_866
    network.stem.requires_grad_(False)
    network.stages.requires_grad_(False)
    assert count_parameters(network) == 7 * 7 * 512 * 2 + 2 == 50_178


@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_features_of_vgg16_fit_the_linear_head_too(source: str) -> None:
    with without_memory():
        theirs = torchvision.models.vgg16() if source == "torchvision" else timm.create_model("vgg16")
        features = {key: tensor for key, tensor in theirs.state_dict().items() if key.startswith("features.")}
        converted = cvp_core.convert_state_dict("vgg16_linear", features, source)
        missing, unexpected = blank("vgg16_linear").load_state_dict(converted, strict=False)
    assert missing == ["head.classifier.weight", "head.classifier.bias"]
    assert not unexpected


def test_torchvisions_vgg16_with_one_linear_layer_is_understood() -> None:
    with without_memory():
        theirs = torchvision.models.vgg16()
        theirs.classifier = nn.Linear(7 * 7 * 512, 2)
    converted = cvp_core.convert_state_dict("vgg16_linear", theirs.state_dict())
    blank("vgg16_linear", num_classes=2).load_state_dict(converted)


def test_a_key_of_another_network_is_named() -> None:
    with pytest.raises(WeightsError, match=r"layer1\.0\.conv1\.weight"):
        cvp_core.convert_state_dict("vgg16", {"layer1.0.conv1.weight": torch.zeros(1)})


def test_an_unknown_head_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match="'conv' is not one of mlp, linear"):
        build((1, 1, 2, 2, 2), head="conv", num_classes=2, input_size=(3, 224, 224))
