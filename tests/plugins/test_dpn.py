"""DPN against the paper's claims and timm's logits, and what its hybrids turn into at either end."""

from __future__ import annotations

import math

import pytest
import timm
import torch
import torchvision
from torch import nn
from twins import assert_equal_logits, blank, twins

import cvp_core
from cvp_core import ImageClassifier
from cvp_core.blank import without_memory
from cvp_core.blocks import Dense, DualPath, Residual
from cvp_core.errors import WeightsError
from cvp_core.summary import count_parameters
from cvp_dpn import SPECS
from cvp_dpn.mixnet import MixedLink
from cvp_dpn.mixnet import build as build_mixnet
from cvp_dpn.model import build

# Millions of parameters in timm's documentation, hfdocs/source/models/dpn.mdx.
PUBLISHED = {"dpn68": 12.61, "dpn68b": 12.61, "dpn92": 37.67, "dpn98": 61.57, "dpn107": 86.92, "dpn131": 79.25}

PICTURE = {"num_classes": 10, "input_size": (3, 64, 64)}


@pytest.mark.parametrize("name, millions", PUBLISHED.items())
def test_parameters_are_those_that_timm_publishes(name: str, millions: float) -> None:
    assert round(count_parameters(blank(name)) / 1e6, 2) == millions


# What arXiv:1707.01629 says, in percent: how much smaller and cheaper than a ResNeXt-101 of that cardinality.
CLAIMS = [
    ("dpn92", 44_177_704, 8.01e9, 15, 19),  # 32x4d
    ("dpn98", 83_455_272, 15.5e9, 26, 25),  # 64x4d
]


@pytest.mark.parametrize("name, parameters, macs, fewer_parameters, fewer_macs", CLAIMS)
def test_a_dual_path_net_is_as_much_smaller_than_its_resnext_as_the_paper_claims(
    name: str, parameters: int, macs: float, fewer_parameters: int, fewer_macs: int
) -> None:
    spec = cvp_core.get_spec(name)
    assert 100 * (1 - spec.parameters / parameters) == pytest.approx(fewer_parameters, abs=1)
    assert 100 * (1 - spec.macs / macs) == pytest.approx(fewer_macs, abs=1)


@pytest.mark.parametrize("name", PUBLISHED)
def test_pictures_are_prepared_as_for_timms_default_weights(name: str) -> None:
    theirs, ours = timm.get_pretrained_cfg(name), cvp_core.get_spec(name).preprocess
    assert ours.resize == math.floor(224 / theirs.crop_pct)
    assert ours.interpolation == theirs.interpolation
    assert ours.mean == pytest.approx(theirs.mean)
    assert ours.std == pytest.approx(theirs.std)


@pytest.mark.parametrize("name", PUBLISHED)
def test_logits_equal_timms(name: str) -> None:
    assert_equal_logits(*twins(name, "timm"), (64, 49), *[224] * (name == "dpn92"))


def test_the_two_last_convolutions_of_dpn68b_become_one_with_the_residual_channels_first() -> None:
    state = {"features.conv3_2.c1x1_c2.weight": torch.zeros(32, 256, 1, 1)}
    state["features.conv3_2.c1x1_c1.weight"] = torch.ones(128, 256, 1, 1)
    (joined,) = cvp_core.convert_state_dict("dpn68b", state, "timm").values()
    assert joined.shape == (160, 256, 1, 1)
    assert joined[:128].all()
    assert not joined[128:].any()


@pytest.mark.parametrize("key", ["layer1.0.conv1.weight", "features.conv3_2.c1x1_c1.weight"])
def test_a_key_of_another_network_or_without_its_partner_is_named(key: str) -> None:
    with pytest.raises(WeightsError, match=key.replace(".", r"\.")):
        cvp_core.convert_state_dict("dpn92", {key: torch.zeros(1)}, "timm")


def test_the_features_have_the_channels_that_timm_reports_of_each_stage() -> None:
    with without_memory():
        theirs = timm.create_model("dpn92", features_only=True).feature_info.channels()
    model, x = blank("dpn92"), torch.empty(1, 3, 64, 64, device="meta")
    x = model.stem(x)
    channels = [x.shape[1]]
    for stage in model.stages:
        x = stage(x)
        channels.append(x.shape[1])
    assert channels == theirs


def test_every_batch_norm_has_the_epsilon_of_the_published_weights() -> None:
    assert {module.eps for module in blank("dpn68").modules() if isinstance(module, nn.BatchNorm2d)} == {0.001}


def later_blocks(network: ImageClassifier) -> list[DualPath]:
    """The blocks without a projection."""
    return [m for m in network.modules() if isinstance(m, DualPath) and m.shortcut is None]


def conv_weights(network: nn.Module) -> list[tuple[int, ...]]:
    return sorted(tuple(module.weight.shape) for module in network.modules() if isinstance(module, nn.Conv2d))


def test_without_dense_channels_the_net_has_the_convolutions_of_resnext() -> None:
    with without_memory():
        ours = build((3, 4, 6, 3), (256, 512, 1024, 2048), (0, 0, 0, 0), (32, 4), (64, 7), **PICTURE)
        theirs = torchvision.models.resnext50_32x4d()
    assert conv_weights(ours) == conv_weights(theirs)
    assert all(isinstance(module.branch[0].norm, nn.BatchNorm2d) for module in later_blocks(ours))  # pre-activated


def test_without_dense_channels_a_block_is_the_residual_of_the_same_weights() -> None:
    network = build((2, 2), (32, 64), (0, 0), (4, 4), (8, 3), **PICTURE).eval()
    for index, block in enumerate(later_blocks(network)):
        x = torch.randn(2, 32 * 2**index, 6, 6)
        assert torch.equal(block(x), Residual(block.branch)(x))
    first, x = network.stages[1].layers[0], torch.randn(2, 32, 6, 6)
    assert torch.equal(first(x), Residual(first.branch, first.shortcut)(x))
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 10)


def test_without_residual_channels_a_block_is_the_dense_layer_of_the_same_weights() -> None:
    network = build((4, 3), (0, 0), (12, 24), (1, 16), (8, 3), **PICTURE).eval()
    for index, block in enumerate(later_blocks(network)):
        k = 12 if index < 3 else 24
        x = torch.randn(2, (3 + index % 3) * k, 6, 6)
        y = block(x)
        assert torch.equal(y, Dense(block.branch)(x))
        assert y.shape[1] == x.shape[1] + k
    assert network.head.classifier.in_features == (2 + 3) * 24  # two of the projection, one of each block
    assert network(torch.randn(2, 3, 64, 64)).shape == (2, 10)


@pytest.mark.parametrize("way", ["script", "fullgraph", "export"])
@pytest.mark.parametrize("residual, dense", [((32, 64), (0, 0)), ((0, 0), (8, 16)), ((32, 0), (0, 16))])
def test_both_ends_compile_as_the_hybrids_do(residual: tuple[int, ...], dense: tuple[int, ...], way: str) -> None:
    network = build((2, 2), residual, dense, (4, 4), (8, 3), **PICTURE).eval()
    x = torch.randn(2, 3, 32, 32)
    if way == "script":
        compiled = torch.jit.script(network)
    elif way == "fullgraph":
        torch.compiler.reset()
        compiled = torch.compile(network, fullgraph=True, backend="eager")
    else:
        compiled = torch.export.export(network, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},)).module()
    with torch.no_grad():
        torch.testing.assert_close(compiled(x), network(x))


def test_a_stage_without_any_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="0 residual and 0 dense channels"):
        build((1, 1), (32, 0), (8, 0), (4, 4), (8, 3), **PICTURE)


def test_mixnet105_has_the_depth_of_its_name_and_the_parameters_its_authors_publish() -> None:
    model = blank("mixnet105")
    assert round(count_parameters(model) / 1e6, 2) == 11.16
    beside = [module for name, module in model.named_modules() if name.endswith("inner")]  # an outer link runs beside
    convolutions = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    assert len(convolutions) - 2 * len(beside) + 1 == 105


def test_a_mixed_link_adds_to_the_last_channels_and_appends_others() -> None:
    link, x = MixedLink(10, 4, 3).eval(), torch.randn(2, 10, 5, 5)
    y = link(x)
    assert y.shape[1] == 10 + 3
    assert torch.equal(y[:, :6], x[:, :6])
    assert torch.equal(y[:, 6:10], x[:, 6:] + link.inner(x))
    assert torch.equal(y[:, 10:], link.outer(x))


def test_a_mixed_link_may_add_to_all_that_it_reads_but_not_to_more() -> None:
    link, x = MixedLink(4, 4, 3).eval(), torch.randn(2, 4, 5, 5)
    assert torch.equal(link(x)[:, :4], Residual(link.inner)(x))
    with pytest.raises(ValueError, match="5 channels, but the layer reads only 4"):
        MixedLink(4, 5, 3)


def test_a_side_below_mixnets_smallest_leaves_no_map_to_answer_from() -> None:
    """Built past core's check, so that min_size is the true limit and not a guess."""
    model = build_mixnet((8, 8), (1, 1, 1, 1), 16, **PICTURE)
    with pytest.raises(RuntimeError, match="too small"):
        model(torch.randn(2, 3, 28, 28))


def test_the_family_stands_for_dpn92() -> None:
    assert [spec.name for spec in SPECS if spec.default] == ["dpn92"]
    assert cvp_core.get_spec("dpn").name == "dpn92"
