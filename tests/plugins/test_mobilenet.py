"""MobileNet against published counts and the logits of torchvision and timm."""

from __future__ import annotations

import pytest
import timm
import torch
from twins import assert_equal_logits, blank, twins

import cvp_core
from cvp_core.blank import without_memory
from cvp_core.blocks import ConvNormAct, Residual, SqueezeExcite, inverted_residual
from cvp_core.errors import WeightsError
from cvp_core.summary import count_parameters

# torchvision.models.MobileNet_V*_Weights, meta["num_params"].
PUBLISHED = {"mobilenet_v2": 3_504_872, "mobilenet_v3_small": 2_542_856, "mobilenet_v3_large": 5_483_032}

# Millions of multiply-accumulates at 224x224 in tensorflow/models, research/slim/nets/mobilenet/README.md.
MILLION_MACS = {"mobilenet_v2": 300, "mobilenetv2_050": 97, "mobilenetv2_075": 209, "mobilenetv2_140": 582}

# (our name, source, the source's name)
TWINS = [
    ("mobilenet_v2", "torchvision", "mobilenet_v2"),
    ("mobilenet_v2", "timm", "mobilenetv2_100"),
    ("mobilenetv2_050", "timm", "mobilenetv2_050"),
    ("mobilenetv2_075", "timm", "mobilenetv2_075"),
    ("mobilenetv2_140", "timm", "mobilenetv2_140"),
    ("mobilenet_v3_small", "torchvision", "mobilenet_v3_small"),
    ("mobilenet_v3_large", "torchvision", "mobilenet_v3_large"),
]


@pytest.mark.parametrize("name, published", PUBLISHED.items())
def test_parameters_are_those_that_torchvision_publishes(name: str, published: int) -> None:
    assert count_parameters(blank(name)) == published


@pytest.mark.parametrize("name, millions", MILLION_MACS.items())
def test_macs_are_those_that_the_authors_publish(name: str, millions: int) -> None:
    assert cvp_core.get_spec(name).macs // 1_000_000 == millions


def test_two_classes_on_a_frozen_mobilenet_v2_train_a_linear_layer_only() -> None:
    model = blank("mobilenet_v2", num_classes=2)
    assert count_parameters(model) == 2_226_434
    model.stem.requires_grad_(False)
    model.stages.requires_grad_(False)
    assert count_parameters(model) == 1280 * 2 + 2


@pytest.mark.parametrize("name, source, theirs_name", TWINS)
def test_logits_equal_those_of_the_source(name: str, source: str, theirs_name: str) -> None:
    assert_equal_logits(*twins(name, source, theirs_name), 64, *[224] * (name == "mobilenet_v2"))


@pytest.mark.parametrize("name", ["mobilenetv3_small_100", "mobilenetv3_large_100"])
def test_timms_v3_with_its_other_epsilon_is_refused(name: str) -> None:
    with without_memory():
        state = timm.create_model(name).state_dict()
    with pytest.raises(WeightsError, match=r"conv_reduce\.weight|blocks\.2\.0\.se"):
        cvp_core.convert_state_dict("mobilenet_v3_small", state, "timm")


def test_a_key_of_another_network_is_named() -> None:
    with pytest.raises(WeightsError, match=r"layer1\.0\.conv1\.weight"):
        cvp_core.convert_state_dict("mobilenet_v2", {"layer1.0.conv1.weight": torch.zeros(1)})


@pytest.mark.parametrize(
    "name, sides",
    [
        ("mobilenet_v2", [112, 56, 28, 14, 7]),
        ("mobilenet_v3_large", [112, 56, 28, 14, 7]),
        ("mobilenet_v3_small", [56, 28, 14, 7]),
    ],
)
def test_a_stage_is_a_resolution(name: str, sides: list[int]) -> None:
    model = blank(name)
    x = model.stem(torch.zeros(1, 3, 224, 224, device="meta"))
    found = []
    for stage in model.stages:
        x = stage(x)
        found.append(x.shape[-1])
    assert found == sides


def test_bottlenecks_are_linear_and_joined_where_the_shapes_agree() -> None:
    blocks = [block for stage in blank("mobilenet_v2").stages for block in stage.blocks]
    assert all(isinstance(block.branch.project.act, torch.nn.Identity) for block in blocks)
    assert len(blocks) == 17
    assert sum(isinstance(block, Residual) for block in blocks) == 10  # sum of n - 1 over table 2 of the paper


def test_an_inverted_residual_widens_by_depthwise_and_narrows_again() -> None:
    gate = SqueezeExcite(48, 4, gate=torch.nn.Hardsigmoid)
    branch = inverted_residual(8, 48, 16, 5, stride=2, act=torch.nn.Hardswish, gate=gate)
    assert [name for name, _ in branch.named_children()] == ["expand", "depthwise", "gate", "project"]
    assert branch.depthwise.conv.groups == 48
    assert branch(torch.randn(2, 8, 9, 9)).shape == (2, 16, 5, 5)
    plain = inverted_residual(8, 8, 16)
    assert [name for name, _ in plain.named_children()] == ["depthwise", "project"]


def test_squeeze_and_excitation_multiplies_each_channel_by_one_factor_between_0_and_1() -> None:
    torch.manual_seed(0)
    x = torch.rand(2, 6, 4, 4) + 0.5
    factor = SqueezeExcite(6, 3)(x) / x
    torch.testing.assert_close(factor, factor[:, :, :1, :1].expand_as(factor))
    assert 0 < factor.min() < factor.max() < 1


@pytest.mark.parametrize(
    "activation, kind",
    [(True, torch.nn.ReLU), (False, torch.nn.Identity), (torch.nn.SiLU, torch.nn.SiLU)],
)
def test_a_unit_takes_any_activation(activation: bool | type[torch.nn.Module], kind: type[torch.nn.Module]) -> None:
    assert type(ConvNormAct(4, 4, 3, activation=activation).act) is kind
