"""EfficientNet against published counts and the logits of torchvision and timm."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from torch.nn import functional
from twins import assert_equal_logits, blank, twins

import cvp_core
from cvp_core.blank import without_memory
from cvp_core.blocks import Residual, SqueezeExcite, StochasticDepth, inverted_block, inverted_residual, round_channels
from cvp_core.errors import WeightsError
from cvp_efficientnet.padding import SameConv2d

# torchvision.models.EfficientNet_*_Weights, meta["num_params"] and meta["_ops"], the latter in thousand millions.
PUBLISHED = {
    "efficientnet_b0": (5_288_548, 0.386),
    "efficientnet_b1": (7_794_184, 0.687),
    "efficientnet_b2": (9_109_994, 1.088),
    "efficientnet_b3": (12_233_232, 1.827),
    "efficientnet_b4": (19_341_616, 4.394),
    "efficientnet_b5": (30_389_784, 10.266),
    "efficientnet_b6": (43_040_704, 19.068),
    "efficientnet_b7": (66_347_960, 37.746),
    "efficientnet_v2_s": (21_458_488, 8.366),
    "efficientnet_v2_m": (54_139_356, 24.582),
    "efficientnet_v2_l": (118_515_272, 56.080),
}

# Millions of parameters in tensorflow/tpu, models/official/efficientnet/lite/README.md.
LITE = {
    "efficientnet_lite0": 4.7,
    "efficientnet_lite1": 5.4,
    "efficientnet_lite2": 6.1,
    "efficientnet_lite3": 8.2,
    "efficientnet_lite4": 13.0,
}

# (our name, source, the source's name)
TWINS = [
    *((name, "torchvision", name) for name in PUBLISHED),
    *((f"efficientnet_b{scale}", "timm", f"efficientnet_b{scale}") for scale in (0, 1, 4)),
    *((name, "timm", f"tf_{name}") for name in LITE),
]


@pytest.mark.parametrize("name, published", PUBLISHED.items())
def test_costs_are_those_that_torchvision_publishes(name: str, published: tuple[int, float]) -> None:
    spec = cvp_core.get_spec(name)  # that it tells the truth is checked for every model
    assert (spec.parameters, round(spec.macs / 1e9, 3)) == published


@pytest.mark.parametrize("name, millions", LITE.items())
def test_lite_has_the_parameters_that_its_authors_publish(name: str, millions: float) -> None:
    assert round(cvp_core.get_spec(name).parameters / 1e6, 1) == millions


@pytest.mark.parametrize("name", PUBLISHED)
def test_pictures_are_prepared_as_torchvisions_weights_say(name: str) -> None:
    theirs = torchvision.models.get_model_weights(name).DEFAULT.transforms()
    ours = cvp_core.get_spec(name).preprocess
    assert ([ours.size[0]], [ours.resize], ours.interpolation) == (
        theirs.crop_size,
        theirs.resize_size,
        theirs.interpolation.value,
    )
    assert (list(ours.mean), list(ours.std)) == (theirs.mean, theirs.std)


@pytest.mark.parametrize("name", LITE)
def test_pictures_are_prepared_as_timms_weights_say(name: str) -> None:
    theirs = timm.get_pretrained_cfg(f"tf_{name}")
    ours = cvp_core.get_spec(name).preprocess
    assert (3, *ours.size) == theirs.input_size
    assert ours.resize == int(ours.size[0] / theirs.crop_pct)
    assert (ours.interpolation, ours.mean, ours.std) == (theirs.interpolation, theirs.mean, theirs.std)


@pytest.mark.parametrize("name, source, theirs_name", TWINS)
def test_logits_equal_those_of_the_source(name: str, source: str, theirs_name: str) -> None:
    odd = [(75, 66)] * (name in LITE)  # odd and even sides at every stride
    full = [224] * (name in ("efficientnet_b0", "efficientnet_lite0", "efficientnet_v2_s"))
    assert_equal_logits(*twins(name, source, theirs_name), 64, *odd, *full)


@pytest.mark.parametrize("name", ["efficientnet_b5", "efficientnet_b6", "efficientnet_b7"])
def test_timms_larger_nets_with_their_other_epsilon_are_refused(name: str) -> None:
    with without_memory():
        state = timm.create_model(name).state_dict()
    with pytest.raises(WeightsError, match=r"blocks\.0\.2\.conv_dw\.weight"):
        cvp_core.convert_state_dict(name, state, "timm")


def test_a_key_of_another_network_is_named() -> None:
    for source in ("torchvision", "timm"):
        with pytest.raises(WeightsError, match=r"layer1\.0\.conv1\.weight"):
            cvp_core.convert_state_dict("efficientnet_b0", {"layer1.0.conv1.weight": torch.zeros(1)}, source)


def test_stages_are_the_rows_of_the_papers_tables() -> None:
    def shapes(name: str, side: int) -> list[tuple[int, int, int]]:
        """Blocks, channels of the last block and side at the beginning, a stage each."""
        model = blank(name).eval()
        x = model.stem(torch.zeros(1, 3, side, side, device="meta"))
        found = []
        for stage in model.stages:
            before, x = x.shape[-1], stage.blocks(x)
            found.append((len(stage.blocks), x.shape[1], before))
        return found

    # Table 1 of arXiv:1905.11946.
    assert shapes("efficientnet_b0", 224) == [
        (1, 16, 112),
        (2, 24, 112),
        (2, 40, 56),
        (3, 80, 28),
        (3, 112, 14),
        (4, 192, 14),
        (1, 320, 7),
    ]
    # Table 4 of arXiv:2104.00298.
    assert [row[:2] for row in shapes("efficientnet_v2_s", 64)] == [
        (2, 24),
        (4, 48),
        (4, 64),
        (6, 128),
        (9, 160),
        (15, 256),
    ]


def test_v2_begins_with_fused_blocks_and_gates_the_others() -> None:
    gated = [[hasattr(block.branch, "gate") for block in stage.blocks] for stage in blank("efficientnet_v2_s").stages]
    assert [any(stage) for stage in gated] == [all(stage) for stage in gated] == [False] * 3 + [True] * 3


def test_a_gate_squeezes_to_a_quarter_of_the_blocks_input() -> None:
    block = blank("efficientnet_b0").stages[2].blocks[1]
    assert block.branch.expand.conv.in_channels == 40
    assert (block.branch.gate.reduce.in_channels, block.branch.gate.reduce.out_channels) == (240, 10)


def test_lite_has_relu6_and_neither_gates_nor_a_scaled_stem_and_head() -> None:
    model = blank("efficientnet_lite4")
    kinds = {type(module) for module in model.modules()}
    assert torch.nn.ReLU6 in kinds
    assert not kinds & {SqueezeExcite, torch.nn.SiLU}
    assert (model.stem.conv.out_channels, model.head.classifier.in_features) == (32, 1280)
    assert (len(model.stages[0].blocks), len(model.stages[-1].blocks)) == (1, 1)


def test_stochastic_depth_rises_from_block_to_block_and_is_in_residuals_only() -> None:
    blocks = [block for stage in blank("efficientnet_b0").stages for block in stage.blocks]
    rates = {
        index: m.drop for index, block in enumerate(blocks) for m in block.modules() if isinstance(m, StochasticDepth)
    }
    assert rates == {index: pytest.approx(0.2 * index / 16) for index in rates}
    assert list(rates) == [index for index, block in enumerate(blocks) if isinstance(block, Residual)]


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("side", [1, 2, 7, 8])
def test_same_padding_gives_half_the_side_with_an_odd_zero_at_the_end(side: int, kernel: int) -> None:
    conv = SameConv2d(1, 1, kernel, 2, bias=False)
    x = torch.randn(1, 1, side, side)
    before = kernel // 2 - (side % 2 == 0)
    padded = functional.pad(x, [before, kernel // 2] * 2)
    y = conv(x)
    assert y.shape[2:] == ((side + 1) // 2,) * 2
    torch.testing.assert_close(y, functional.conv2d(padded, conv.weight, stride=2))


def test_an_inverted_block_adds_where_the_shape_is_kept() -> None:
    kept = inverted_block(inverted_residual(8, 16, 8), 8, 8, drop=0.1)
    assert isinstance(kept, Residual)
    assert isinstance(kept.branch.drop, StochasticDepth)
    for out_channels, stride in ((16, 1), (8, 2)):
        changed = inverted_block(inverted_residual(8, 16, out_channels, stride=stride), 8, out_channels, stride=stride)
        assert not isinstance(changed, Residual)
        assert changed(torch.zeros(1, 8, 4, 4)).shape == (1, out_channels, 4 // stride, 4 // stride)


@pytest.mark.parametrize("channels, rounded", [(1, 8), (16.5, 16), (20, 24), (35.2, 32), (8.95, 16), (11.9, 16)])
def test_channels_are_rounded_to_multiples_of_8_and_never_lose_more_than_a_tenth(channels: float, rounded: int) -> None:
    assert round_channels(channels) == rounded
