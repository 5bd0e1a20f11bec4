"""VGG against published parameter counts, torchvision's and timm's logits."""

from __future__ import annotations

from functools import cache

import pytest
import timm
import torch
import torchvision
from torch import nn

import cvp_core
from cvp_core import ImageClassifier
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


def blank(name: str, num_classes: int | None = None) -> ImageClassifier:
    """Shapes without memory: a VGG takes seconds to initialise."""
    with without_memory():
        return cvp_core.create_model(name, num_classes=num_classes).eval()


@cache
def large_noise(count: int) -> torch.Tensor:
    """Drawn once: no two layers of a VGG that are this large have the same number of weights."""
    return torch.randn(count, generator=torch.Generator().manual_seed(0))


def lively(network: nn.Module) -> dict[str, torch.Tensor]:
    """Values for a blank network's state: He's scale for weights, no norm that is the identity."""
    torch.manual_seed(0)
    state: dict[str, torch.Tensor] = {}
    for key, blank_tensor in network.state_dict().items():
        tensor = torch.zeros(blank_tensor.shape, dtype=blank_tensor.dtype)
        if tensor.ndim > 1:
            scale = (2 / tensor[0].numel()) ** 0.5
            is_large = tensor.numel() > 10_000_000
            tensor = scale * (large_noise(tensor.numel()).view(tensor.shape) if is_large else torch.randn_like(tensor))
        elif key.endswith(("weight", "running_var")):
            tensor.uniform_(0.5, 1.5)
        elif key.endswith(("bias", "running_mean")):
            tensor.normal_(std=0.1)
        state[key] = tensor
    return state


def pair(name: str, source: str) -> tuple[nn.Module, nn.Module]:
    """Ours and the source's with the same weights."""
    with without_memory():
        theirs = torchvision.models.get_model(name) if source == "torchvision" else timm.create_model(name)
    state = lively(theirs)
    theirs.load_state_dict(state, assign=True)
    ours = blank(name)
    ours.load_state_dict(cvp_core.convert_state_dict(name, state, source), assign=True)
    return ours.eval(), theirs.eval()


def assert_same_logits(ours: nn.Module, theirs: nn.Module, x: torch.Tensor) -> None:
    """To 1e-5 of the largest logit: timm's hidden layers are convolutions, which add in another order."""
    with torch.no_grad():
        expected = theirs(x)
        difference = (ours(x) - expected).abs().max() / expected.abs().max()
    assert difference < 1e-5


@pytest.mark.parametrize("name, published", PUBLISHED.items())
def test_parameters_are_those_that_torchvision_publishes(name: str, published: int) -> None:
    assert count_parameters(blank(name)) == published


@pytest.mark.parametrize("source", ["torchvision", "timm"])
@pytest.mark.parametrize("name", PUBLISHED)
def test_logits_equal_the_sources(name: str, source: str) -> None:
    assert_same_logits(*pair(name, source), torch.randn(2, 3, 64, 64))


def test_logits_equal_torchvisions_at_full_size() -> None:
    assert_same_logits(*pair("vgg16", "torchvision"), torch.randn(1, 3, 224, 224))


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
