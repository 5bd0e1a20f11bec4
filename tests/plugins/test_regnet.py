"""RegNet against the paper's table, torchvision's and timm's counts and logits."""

from __future__ import annotations

from itertools import pairwise

import pytest
import timm
import torch
from twins import assert_equal_logits, blank, enliven, twins

import cvp_core
from cvp_core.blank import without_memory
from cvp_core.blocks import SqueezeExcite, bottleneck
from cvp_core.errors import WeightsError
from cvp_regnet.model import build
from cvp_regnet.widths import stage_layout

# torchvision.models.RegNet_*_Weights, meta["num_params"] and meta["_ops"] (10^9 multiply-accumulates), and timm's name.
PUBLISHED = {
    "regnet_y_400mf": (4_344_144, 0.402, "regnety_004"),
    "regnet_y_800mf": (6_432_512, 0.834, "regnety_008_tv"),
    "regnet_y_1_6gf": (11_202_430, 1.612, "regnety_016"),
    "regnet_y_3_2gf": (19_436_338, 3.176, "regnety_032"),
    "regnet_y_8gf": (39_381_472, 8.473, "regnety_080_tv"),
    "regnet_y_16gf": (83_590_140, 15.912, "regnety_160"),
    "regnet_y_32gf": (145_046_770, 32.28, "regnety_320"),
    "regnet_x_400mf": (5_495_976, 0.414, "regnetx_004_tv"),
    "regnet_x_800mf": (7_259_656, 0.8, "regnetx_008"),
    "regnet_x_1_6gf": (9_190_136, 1.603, "regnetx_016"),
    "regnet_x_3_2gf": (15_296_552, 3.177, "regnetx_032"),
    "regnet_x_8gf": (39_572_648, 7.995, "regnetx_080"),
    "regnet_x_16gf": (54_278_536, 15.941, "regnetx_160"),
    "regnet_x_32gf": (107_811_560, 31.736, "regnetx_320"),
}

# Figures 15 and 16 of arXiv:2003.13678, parameters in millions; without the three that torchvision has wider.
PAPER = {
    "regnet_y_400mf": 4.3,
    "regnet_y_1_6gf": 11.2,
    "regnet_y_3_2gf": 19.4,
    "regnet_y_16gf": 83.6,
    "regnet_y_32gf": 145.0,
    "regnet_x_800mf": 7.3,
    "regnet_x_1_6gf": 9.2,
    "regnet_x_3_2gf": 15.3,
    "regnet_x_8gf": 39.6,
    "regnet_x_16gf": 54.3,
    "regnet_x_32gf": 107.8,
}


@pytest.mark.parametrize("name, published", PUBLISHED.items())
def test_parameters_and_macs_are_those_that_torchvision_publishes(name: str, published: tuple[int, float, str]) -> None:
    spec = cvp_core.get_spec(name)  # that it tells the truth is checked for every model
    assert (spec.parameters, round(spec.macs / 1e9, 3)) == published[:2]


@pytest.mark.parametrize("name, millions", PAPER.items())
def test_parameters_are_those_of_the_paper(name: str, millions: float) -> None:
    assert round(cvp_core.get_spec(name).parameters / 1e6, 1) == millions


@pytest.mark.parametrize("name", PUBLISHED)
def test_logits_equal_torchvisions(name: str) -> None:
    assert_equal_logits(*twins(name), 75)  # a side that every halving rounds


@pytest.mark.parametrize("name", ["regnet_y_400mf", "regnet_y_800mf", "regnet_x_800mf"])
def test_logits_equal_timms(name: str) -> None:
    assert_equal_logits(*twins(name, "timm", PUBLISHED[name][2]), 64)


@pytest.mark.parametrize("name, published", PUBLISHED.items())
def test_timms_net_of_the_same_size_has_the_same_shapes(name: str, published: tuple[int, float, str]) -> None:
    with without_memory():
        state = timm.create_model(published[2]).state_dict()
    ours = {key: tensor.shape for key, tensor in blank(name).state_dict().items()}
    theirs = cvp_core.convert_state_dict(name, state, "timm")
    assert {key: tensor.shape for key, tensor in theirs.items()} == ours


def test_the_widths_follow_the_line_and_make_four_stages_that_grow() -> None:
    for spec in cvp_core.list_models("regnet*"):
        depth, line, group_width = (spec.variant[key] for key in ("depth", "line", "group_width"))
        stages = stage_layout(depth, line, group_width)
        assert len(stages) == 4
        assert sum(stage.blocks for stage in stages) == depth
        assert all(before.width < after.width for before, after in pairwise(stages))
        assert all(stage.width == stage.groups * min(group_width, stage.width) for stage in stages)


def test_the_default_has_the_blocks_and_widths_of_the_papers_table() -> None:
    stages = stage_layout(16, (48, 27.89, 2.09), 8)
    assert [stage.blocks for stage in stages] == [1, 3, 6, 6]
    assert [stage.width for stage in stages] == [48, 104, 208, 440]


def test_only_regnet_y_has_gates_and_they_squeeze_to_a_quarter_of_the_blocks_input() -> None:
    gates = [gate for gate in blank("regnet_y_400mf").modules() if isinstance(gate, SqueezeExcite)]
    assert len(gates) == 16
    assert [(gate.reduce.in_channels, gate.reduce.out_channels) for gate in gates[:3]] == [
        (48, 8),
        (104, 12),
        (104, 26),
    ]
    assert not any(isinstance(module, SqueezeExcite) for module in blank("regnet_x_400mf").modules())


def test_a_bottlenecks_gate_stands_before_the_last_unit_and_without_one_the_keys_stay() -> None:
    gated = bottleneck(8, 8, 8, gate=SqueezeExcite(8, 2))
    plain = bottleneck(8, 8, 8)
    assert [name for name, _ in gated.named_children()] == ["reduce", "spatial", "gate", "project"]
    assert [name for name, _ in plain.named_children()] == ["reduce", "spatial", "project"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_script_and_export_keep_the_branches() -> None:
    """In a fresh network the branches give zero, so that a comparison of compiled forms would not see them."""
    model = build(6, (16, 16.0, 2.0), 8, True, num_classes=10, input_size=(3, 64, 64)).eval()
    enliven(model)
    x = torch.randn(2, 3, 64, 64)
    exported = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("batch")},)).module()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        expected = model(x)
        for compiled in (torch.jit.script(model), exported):
            torch.testing.assert_close(compiled(x), expected, rtol=1e-5, atol=1e-5)


def test_a_key_of_another_network_is_named() -> None:
    with pytest.raises(WeightsError, match=r"layer1\.0\.conv1\.weight"):
        cvp_core.convert_state_dict("regnet_y_400mf", {"layer1.0.conv1.weight": torch.zeros(1)})
