"""The classic nets against their papers' counts, torchvision's logits and every way of compiling them."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from twins import assert_equal_logits, twins

import cvp_core
from cvp_classic import SPECS
from cvp_core import ImageClassifier, ModelSpec
from cvp_core.errors import WeightsError

every_net = pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
one_size_nets = pytest.mark.parametrize(
    "spec", [spec for spec in SPECS if not spec.any_size], ids=lambda spec: spec.name
)


def create(spec: ModelSpec, image_size: tuple[int, int] | None = None) -> ImageClassifier:
    torch.manual_seed(0)
    return cvp_core.create_model(spec.name, image_size=image_size).eval()


def pictures(spec: ModelSpec, count: int) -> torch.Tensor:
    return torch.randn(count, *spec.input_size, generator=torch.Generator().manual_seed(count))


@pytest.fixture(scope="module", params=SPECS, ids=lambda spec: spec.name)
def net(request: pytest.FixtureRequest) -> tuple[ModelSpec, ImageClassifier]:
    return request.param, create(request.param)


def count_parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


# Every layer has a bias. Teaching nets: weights and biases added by hand, layer by layer.
BY_HAND = {
    "linear": 784 * 10 + 10,  # LeCun et al. 1998, sec. III.C.1: 7,850
    "mlp": (784 * 100 + 100) + (100 * 10 + 10),
    "oneconv": (25 * 9 + 9) + (9 * 24 * 24 * 10 + 10),
    "multilayer_cnn": (25 * 10 + 10) + (10 * 25 * 20 + 20) + (20 * 4 * 4 * 10 + 10),
    "lenet": (3 * 25 * 6 + 6) + (6 * 25 * 16 + 16) + (400 * 120 + 120) + (120 * 64 + 64) + (64 * 10 + 10),
    "lenet5": 60_000 + 84 * 10 + 10,  # LeCun et al. 1998, sec. II.B, and our linear answer
    "cnn5x5": 5_333_844,
    "alexnet": 61_100_840,  # torchvision's documentation of AlexNet_Weights
}


def test_declared_parameters_are_those_of_the_paper_and_of_the_net(
    net: tuple[ModelSpec, ImageClassifier],
) -> None:
    spec, built = net
    assert spec.parameters == BY_HAND[spec.name]
    assert count_parameters(built) == spec.parameters


def test_lenet5_has_the_parameters_of_each_layer_in_the_paper() -> None:
    net = cvp_core.create_model("lenet5")
    layers = {name.rpartition(".")[2]: module for name, module in net.named_modules()}
    counts = {name: count_parameters(layers[name]) for name in ("c1", "s2", "c3", "s4", "c5")}
    assert counts == {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120}
    assert count_parameters(net.head.hidden) == 10_164  # F6


# Table I of the paper, a row a map of S2: X where the column's map of C3 reads it.
TABLE_I = """
X . . . X X X . . X X X X . X X
X X . . . X X X . . X X X X . X
X X X . . . X X X . . X . X X X
. X X X . . X X X X . . X . X X
. . X X X . . X X X X . X X . X
. . . X X X . . X X X X . X X X
"""


def test_c3_reads_the_maps_that_table_i_marks() -> None:
    torch.manual_seed(0)
    c3 = cvp_core.create_model("lenet5").stages[1].c3
    rows = []
    for channel in range(6):
        maps = torch.zeros(1, 6, 5, 5)
        changed = maps.clone()
        changed[:, channel] = 1
        moved = (c3(changed) - c3(maps)).abs().amax(dim=(0, 2, 3))
        rows.append(" ".join("X" if value > 0 else "." for value in moved))
    assert "\n".join(rows) == TABLE_I.strip()


def test_lenet5_squashes_one_to_one_after_every_layer() -> None:
    net = cvp_core.create_model("lenet5")
    squashings = [module for name, module in net.named_modules() if name.endswith("act")]
    assert len(squashings) == 6  # C1, S2, C3, S4, C5, F6
    for squash in squashings:  # appendix A chooses A and S so that f(1) = 1 and f(-1) = -1
        assert torch.allclose(squash(torch.tensor([-1.0, 0, 1])), torch.tensor([-1.0, 0, 1]), atol=1e-4)


def test_subsampling_adds_four_and_scales_and_shifts_by_map() -> None:
    s2 = cvp_core.create_model("lenet5").stages[0].s2
    x = torch.randn(2, 6, 4, 4)
    with torch.no_grad():
        s2.coefficient.copy_(torch.arange(6.0))
        s2.bias.copy_(torch.arange(6.0) - 3)
    corner = x[:, :, 2, 0] + x[:, :, 2, 1] + x[:, :, 3, 0] + x[:, :, 3, 1]
    assert torch.allclose(s2(x)[:, :, 1, 0], corner * torch.arange(6.0) + torch.arange(6.0) - 3, atol=1e-5)


def test_alexnet_with_torchvisions_weights_gives_its_logits() -> None:
    assert_equal_logits(*twins("alexnet"), 63, 96, 224, within=0)  # the same operations in the same order


def test_a_foreign_key_that_alexnet_lacks_is_named() -> None:
    with pytest.raises(WeightsError, match=r"features\.1\.weight"):
        cvp_core.convert_state_dict("alexnet", {"features.1.weight": torch.zeros(1)})


@pytest.mark.parametrize("name", ["linear", "lenet5"])
def test_tracing_warns_of_no_branch_on_the_picture(name: str) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.jit.trace(cvp_core.create_model(name), torch.randn(2, *cvp_core.get_spec(name).input_size))
    assert not [warning for warning in caught if issubclass(warning.category, torch.jit.TracerWarning)]


@pytest.mark.parametrize(
    "name, channels, side, classes",
    [
        ("linear", 3, 32, 10),
        ("mlp", 3, 224, 5),
        ("oneconv", 3, 64, 7),
        ("multilayer_cnn", 3, 64, 4),
        ("lenet", 1, 28, 10),
        ("lenet5", 3, 40, 4),
        ("cnn5x5", 3, 64, 4),
        ("alexnet", 1, 128, 3),
    ],
)
def test_a_net_is_sized_by_the_channels_picture_and_classes_given(
    name: str, channels: int, side: int, classes: int
) -> None:
    net = cvp_core.create_model(name, in_channels=channels, image_size=(side, side + 3), num_classes=classes)
    assert net(torch.randn(2, channels, side, side + 3)).shape == (2, classes)
    assert net.num_classes() == classes
    assert isinstance(net.head.classifier, nn.Linear)


@pytest.mark.parametrize(
    "name, side", [("oneconv", 4), ("multilayer_cnn", 15), ("lenet", 15), ("cnn5x5", 3), ("lenet5", 31)]
)
def test_a_side_below_the_smallest_leaves_no_map_to_answer_from(name: str, side: int) -> None:
    """Built past core's check, so that min_size is the true limit and not a guess."""
    net = cvp_core.create_model(name)
    with pytest.raises(RuntimeError, match=r"too small|greater than actual input"):
        net.stages(torch.randn(2, cvp_core.get_spec(name).input_size[0], side, side))


@one_size_nets
def test_a_picture_of_another_size_is_refused_in_words(spec: ModelSpec) -> None:
    channels, height, width = spec.input_size
    with pytest.raises(ValueError, match=rf"\[{channels}, {height}, {width}\], given .*{width + 1}\]"):
        create(spec)(torch.randn(2, channels, height, width + 1))


def test_first_logits_are_of_order_one(net: tuple[ModelSpec, ImageClassifier]) -> None:
    """Neither has the signal vanished on its way nor does the softmax start saturated."""
    spec, built = net
    with torch.no_grad():
        assert 0.1 < built(pictures(spec, 5)).std() < 3


def test_the_family_stands_for_one_default() -> None:
    assert [spec.name for spec in SPECS if spec.default] == ["multilayer_cnn"]
    assert cvp_core.get_spec("classic").name == "multilayer_cnn"
