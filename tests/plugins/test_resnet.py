"""ResNet, Wide ResNet and ResNeXt against their papers, torchvision's and timm's counts and logits."""

from __future__ import annotations

import re

import pytest
import torch
import torchvision
from torch import nn
from twins import assert_equal_logits, blank, enliven, twins

import cvp_core
from cvp_core.blank import without_memory
from cvp_core.blocks import Residual, bottleneck
from cvp_core.errors import WeightsError

# torchvision.models' weights, meta["num_params"] and meta["_ops"] (10^9 multiply-accumulates).
PUBLISHED = {
    "resnet18": (11_689_512, 1.814),
    "resnet34": (21_797_672, 3.664),
    "resnet50": (25_557_032, 4.089),
    "resnet101": (44_549_160, 7.801),
    "resnet152": (60_192_808, 11.514),
    "wide_resnet50_2": (68_883_240, 11.398),
    "wide_resnet101_2": (126_886_696, 22.753),
    "resnext50_32x4d": (25_028_904, 4.23),
    "resnext101_32x8d": (88_791_336, 16.414),
    "resnext101_64x4d": (83_455_272, 15.46),
}

# The library that has the model.
SOURCES = {**dict.fromkeys(PUBLISHED, "torchvision"), "resnext101_32x4d": "timm"}


@pytest.mark.parametrize("name, published", PUBLISHED.items())
def test_parameters_and_macs_are_those_that_torchvision_publishes(name: str, published: tuple[int, float]) -> None:
    spec = cvp_core.get_spec(name)  # that it tells the truth is checked for every model
    assert (spec.parameters, round(spec.macs / 1e9, 3)) == published


@pytest.mark.parametrize("name, source", SOURCES.items())
def test_logits_equal_the_sources(name: str, source: str) -> None:
    assert_equal_logits(*twins(name, source), 75)  # a side that every halving rounds


@pytest.mark.parametrize("name", SOURCES)
def test_the_depth_of_the_name_counts_convolutions_outside_shortcuts_and_the_classifier(name: str) -> None:
    layers = [key for key, m in blank(name).named_modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    depth = re.search(r"resnex?t(\d+)", name)
    assert depth is not None
    assert sum(".shortcut." not in key for key in layers) == int(depth[1])


@pytest.mark.parametrize("name", [name for name in SOURCES if name.startswith("resnext")])
def test_the_name_of_a_resnext_gives_cardinality_and_bottleneck_width(name: str) -> None:
    conv = blank(name).stages[0][0].branch.spatial.conv
    assert name.endswith(f"_{conv.groups}x{conv.out_channels // conv.groups}d")


def test_only_blocks_that_change_the_shape_have_a_shortcut_and_stage_one_keeps_the_size() -> None:
    for name, first in {"resnet34": False, "resnet50": True}.items():  # 64 -> 64 and 64 -> 256 channels
        stages = blank(name).stages
        has_shortcut = [[block.shortcut is not None for block in stage] for stage in stages]
        assert has_shortcut == [[index > 0 or first, *[False] * (len(s) - 1)] for index, s in enumerate(stages)]
        assert [stage[0].branch.spatial.conv.stride[0] for stage in stages] == [1, 2, 2, 2]


@pytest.mark.parametrize("name", ["resnet18", "resnet50"])
def test_a_fresh_block_without_shortcut_is_the_identity(name: str) -> None:
    block = cvp_core.create_model(name).eval().stages[1][1]
    assert isinstance(block, Residual)
    x = torch.rand(1, block.branch[0].conv.in_channels, 8, 8)  # not negative, as after a block
    with torch.no_grad():
        assert torch.equal(block(x), x)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_script_and_export_keep_the_branches() -> None:
    """In a fresh network the branches give zero, so that a comparison of compiled forms would not see them."""
    model = cvp_core.create_model("resnet18").eval()
    enliven(model)
    x = torch.randn(2, 3, 64, 64)
    exported = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},)).module()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = model(x)
        for compiled in (torch.jit.script(model), exported):
            torch.testing.assert_close(compiled(x), expected, rtol=1e-5, atol=1e-5)


def test_a_grouped_bottleneck_is_the_sum_of_narrow_bottlenecks() -> None:
    """Fig. 3 of arXiv:1611.05431, (a) and (c): here of 4 paths with 2 channels each."""
    torch.manual_seed(0)
    whole = bottleneck(6, 8, 5, groups=4).eval()
    total = torch.zeros(1, 5, 7, 7)
    x = torch.randn(1, 6, 7, 7)
    with torch.no_grad():
        for path in range(4):
            mine = slice(2 * path, 2 * path + 2)
            narrow = bottleneck(6, 2, 5).eval()
            narrow.reduce.conv.weight.copy_(whole.reduce.conv.weight[mine])
            narrow.spatial.conv.weight.copy_(whole.spatial.conv.weight[mine])
            narrow.project.conv.weight.copy_(whole.project.conv.weight[:, mine])
            total += narrow(x)
        torch.testing.assert_close(whole(x), total)


def test_a_key_of_another_network_is_named() -> None:
    with pytest.raises(WeightsError, match=r"features\.conv0\.weight"):
        cvp_core.convert_state_dict("resnet50", {"features.conv0.weight": torch.zeros(1)})


def test_a_third_convolution_belongs_to_no_basic_block() -> None:
    with without_memory():
        state = torchvision.models.resnet18().state_dict()
    with pytest.raises(WeightsError, match=r"layer2\.0\.conv3\.weight"):
        cvp_core.convert_state_dict("resnet18", {**state, "layer2.0.conv3.weight": torch.zeros(1)})
