"""Converters turned around: renamed, reshaped, split, joined and permuted tensors come back equal to the bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
import torchvision
from safetensors.torch import load_file
from torch import Tensor

import cvp_core
from cvp_core import registry
from cvp_core.errors import ConfigError, NotInstalledError, WeightsError
from cvp_core.weights import convert, exporting
from cvp_core.weights.exporting import export_weights, to_foreign

SIZE = (3, 64, 64)
NAMES = ["a", "b", "c", "d"]
FIRST, BIAS = "features.0.weight", "features.0.bias"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    path = tmp_path / "birds.safetensors"
    cvp_core.save(path, cvp_core.create_model("squeezenet1_1", num_classes=4), classes=NAMES)
    return path


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_what_is_written_torchvision_loads_strictly_and_answers_the_same(file: Path, suffix: str) -> None:
    written = export_weights(file, "torchvision", file.with_name(f"out{suffix}"))
    assert written.model == "squeezenet1_1"
    state = torch.load(written.path) if suffix == ".pth" else load_file(written.path)
    theirs = torchvision.models.get_model("squeezenet1_1", num_classes=4).eval()
    theirs.load_state_dict(state, strict=True)
    ours = cvp_core.create_model("squeezenet1_1", weights=file).eval()
    images = torch.randn(1, *SIZE)
    with torch.no_grad():
        torch.testing.assert_close(theirs(images), ours(images), rtol=1e-4, atol=1e-5)
    assert list(state) == list(theirs.state_dict()) or suffix == ".safetensors"


def turned(change: Callable[[dict[str, Tensor]], Mapping[str, Tensor]]) -> Callable[..., dict[str, Tensor]]:
    """A converter that leaves torchvision's keys as they are, but for `change`."""
    return lambda claim, state, source: dict(change(dict(state)))


def split(state: dict[str, Tensor]) -> Mapping[str, Tensor]:
    first = state.pop(FIRST)
    return {**state, "q": first[:20], "k": first[20:40], "v": first[40:]}


def joined(state: dict[str, Tensor]) -> Mapping[str, Tensor]:
    return {**state, "both": torch.cat([state.pop("features.3.squeeze.bias"), state.pop("features.4.squeeze.bias")])}


def shuffled(state: dict[str, Tensor]) -> Mapping[str, Tensor]:
    return {**state, FIRST: state[FIRST].flip(0).transpose(2, 3), BIAS: state[BIAS].reshape(4, -1).t().reshape(-1)}


def reshaped(state: dict[str, Tensor]) -> Mapping[str, Tensor]:
    return {**state, FIRST: state[FIRST].flatten(1), BIAS: state[BIAS][:, None, None]}


def interleaved(state: dict[str, Tensor]) -> Mapping[str, Tensor]:
    first = state.pop(FIRST)
    return {**state, "even": first[0::2], "odd": first[1::2].permute(1, 0, 2, 3)}


@pytest.mark.parametrize("change", [split, joined, shuffled, reshaped, interleaved, dict])
def test_whatever_moves_elements_can_be_turned_around(
    change: Callable[[dict[str, Tensor]], Mapping[str, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "convert_for", turned(change))
    theirs = torchvision.models.squeezenet1_1(num_classes=4).state_dict()
    claim = registry.find_model("squeezenet1_1")
    back = to_foreign(claim, dict(change(dict(theirs))), "torchvision", 4, SIZE)
    assert list(back) == list(theirs)
    assert all(torch.equal(back[key], theirs[key]) for key in theirs)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: {**state, FIRST: state[FIRST] * 2},
        lambda state: {**state, BIAS: state[BIAS] + state["features.3.expand1x1.bias"]},
        lambda state: {**state, BIAS: state[BIAS] - state[BIAS].float().mean()},
        lambda state: {**state, BIAS: state[BIAS].abs()},
        lambda state: {**state, BIAS: torch.zeros(64)},
        lambda state: {key: tensor for key, tensor in state.items() if key != BIAS},
    ],
    ids=["scaled", "added", "centred", "made positive", "made up", "dropped"],
)
def test_a_converter_that_computes_is_told(
    change: Callable[[dict[str, Tensor]], Mapping[str, Tensor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "convert_for", turned(change))
    theirs = torchvision.models.squeezenet1_1(num_classes=4).state_dict()
    ours = {key: tensor - 3 for key, tensor in change(dict(theirs)).items()}  # such as training makes of them
    with pytest.raises(WeightsError, match=r"cannot be written as torchvision.*computes"):
        to_foreign(registry.find_model("squeezenet1_1"), ours, "torchvision", 4, SIZE)


def test_counters_of_batch_norms_come_through(tmp_path: Path) -> None:
    theirs = torchvision.models.resnet18(num_classes=2).state_dict()
    for index, key in enumerate(key for key in theirs if key.endswith("num_batches_tracked")):
        theirs[key] = torch.tensor(index + 5)
    claim = registry.find_model("resnet18")
    back = to_foreign(claim, convert.convert_for(claim, theirs, "torchvision"), "torchvision", 2, SIZE)
    assert all(torch.equal(back[key], theirs[key]) and back[key].dtype == theirs[key].dtype for key in theirs)


def test_a_library_without_that_network_names_those_that_have_it(file: Path) -> None:
    with pytest.raises(WeightsError, match=r"timm has no network that is squeezenet1_1; formats for it: torchvision"):
        export_weights(file, "timm", file.with_name("x.pth"))


def test_a_bridge_that_is_missing_ends_with_its_pip_command(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(registry.models().claims, "torchvision/squeezenet1_1")
    with pytest.raises(NotInstalledError, match="pip install cvp-torchvision torchvision"):
        export_weights(file, "torchvision", file.with_name("x.pth"))


def test_a_bridges_own_weights_are_exported_too(tmp_path: Path) -> None:
    model = cvp_core.create_model("torchvision/squeezenet1_1", num_classes=4)
    cvp_core.save(tmp_path / "x.safetensors", model, classes=NAMES)
    written = export_weights(tmp_path / "x.safetensors", "torchvision", tmp_path / "y.pth")
    state = torch.load(written.path)
    assert all(torch.equal(tensor, model.state_dict()[f"net.{key}"]) for key, tensor in state.items())


def test_another_ending_and_a_hidden_layer_are_refused(file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"neither \.safetensors nor \.pth"):
        export_weights(file, "torchvision", tmp_path / "x.onnx")
    model = cvp_core.create_model("resnet18", num_classes=4)
    model.reset_head(4, "mlp")
    cvp_core.save(file, model, classes=NAMES)
    with pytest.raises(WeightsError, match="hidden layer"):
        export_weights(file, "torchvision", tmp_path / "x.pth")
