"""Freezing by part, the rates of parts, heads, and features that are computed once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cvp_core
from cvp_core.errors import ConfigError
from cvp_core.train import Plan, TrainConfig, TrainResult, plan, train
from cvp_core.train.freezing import frozen_parts, phases, set_mode, set_trainable
from cvp_core.train.optim import parameter_groups, part_rates
from cvp_core.weights.header import read_header

SIDE = 32


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Two classes: bright and dark squares on noise."""
    generator = np.random.default_rng(0)
    for index, name in enumerate(("bright", "dark")):
        (tmp_path / "squares" / name).mkdir(parents=True)
        for number in range(20):
            pixels = generator.normal(128, 30, (SIDE, SIDE, 3))
            pixels[8:24, 8:24] += 70 - 140 * index
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / "squares" / name / f"{number}.png")
    return tmp_path / "squares"


def planned(data: Path, tmp_path: Path, **changes: object) -> Plan:
    given = {
        "model": "mobilenetv2_050", "data": str(data), "epochs": 3, "batch_size": 8, "image_size": SIDE, "crop": 1.0,
        "augment": "none", "precision": "float32", "threads": 1, "learning_rate": 1e-2, **changes,
    }  # fmt: skip
    return plan(given, runs_dir=tmp_path / "runs")


def run(data: Path, tmp_path: Path, **changes: object) -> TrainResult:
    return train(planned(data, tmp_path, **changes))


def state(path: Path | None) -> dict[str, torch.Tensor]:
    assert path is not None
    from safetensors.torch import load_file

    return load_file(path)


def test_stages_are_counted_from_the_input_and_backbone_is_all_but_the_head() -> None:
    model = cvp_core.create_model("resnet18", num_classes=2)
    assert frozen_parts(model, "stage:2") == {"stem", "stages.0", "stages.1"}
    assert frozen_parts(model, "backbone") == {"stem", *(f"stages.{index}" for index in range(4))}
    with pytest.raises(ConfigError, match="freeze is stage:5, but the model has 4 stages"):
        frozen_parts(model, "stage:5")


def test_vgg16_with_a_linear_head_trains_50178_parameters_when_its_features_are_frozen() -> None:
    from cvp_core.blank import without_memory

    with without_memory():
        model = cvp_core.create_model("vgg16_linear", num_classes=2)
    set_trainable(model, frozen_parts(model, "backbone"))
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == 50_178
    assert sum(p.numel() for p in model.parameters()) == 14_764_866


def test_norms_of_frozen_parts_keep_their_statistics_and_others_do_not() -> None:
    model = cvp_core.create_model("resnet18", num_classes=2)
    set_mode(model, frozen_parts(model, "stage:1"))
    before = {key: value.clone() for key, value in model.state_dict().items() if key.endswith("running_mean")}
    with torch.no_grad():
        model(torch.randn(2, 3, 64, 64))
    changed = {key.split(".running")[0] for key, value in model.state_dict().items()
               if key in before and not torch.equal(value, before[key])}  # fmt: skip
    parts = {model.parts.part_of(name) for name in changed}
    assert parts == {"stages.1", "stages.2", "stages.3"}


def test_the_backbone_goes_slower_and_each_stage_slower_than_the_next() -> None:
    model = cvp_core.create_model("resnet18", num_classes=2)
    fresh = part_rates(model, TrainConfig("m", "d"))
    assert set(fresh.values()) == {1.0}
    tuned = part_rates(model, TrainConfig("m", "d", freeze="backbone", unfreeze_at=1, layer_decay=0.5))
    assert tuned["head"] == 1
    assert tuned["stages.3"] == pytest.approx(0.1 * 0.5)
    assert tuned["stem"] == pytest.approx(0.1 * 0.5**5)
    groups = parameter_groups(model, TrainConfig("m", "d", layer_decay=0.5))
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


def test_a_later_start_of_the_backbone_makes_two_phases() -> None:
    model = cvp_core.create_model("resnet18", num_classes=2)
    first, second = phases(model, TrainConfig("m", "d", epochs=5, freeze="stage:1", unfreeze_at=2))
    assert (first.start, first.frozen, second.start, second.frozen) == (0, {"stem", "stages.0"}, 2, frozenset())
    assert len(phases(model, TrainConfig("m", "d", epochs=2, freeze="backbone", unfreeze_at=2))) == 1


def test_a_head_on_cached_features_ends_as_the_slow_way_does(squares: Path, tmp_path: Path) -> None:
    fast = run(squares, tmp_path, freeze="backbone")
    slow = run(squares, tmp_path, freeze="backbone", cache_features=False)
    fast_state, slow_state = state(fast.weights), state(slow.weights)
    # Convolutions of other batches differ in the last bits.
    for key, tensor in slow_state.items():
        torch.testing.assert_close(fast_state[key], tensor, atol=2e-5, rtol=1e-4)
    torch.manual_seed(0)
    start = cvp_core.create_model("mobilenetv2_050", num_classes=2, image_size=(SIDE, SIDE)).state_dict()
    different = {key for key, tensor in start.items() if not torch.equal(fast_state[key], tensor)}
    assert different == {"head.classifier.weight", "head.classifier.bias"}
    assert fast.top1 == slow.top1


def test_all_trains_after_the_backbone_is_unfrozen(squares: Path, tmp_path: Path) -> None:
    made = planned(squares, tmp_path, freeze="backbone", unfreeze_at=1, augment="light")
    start = {key: tensor.clone() for key, tensor in made.model.state_dict().items()}
    train(made)
    ended = made.model.state_dict()
    assert not [key for key, tensor in ended.items() if tensor.is_floating_point() and torch.equal(tensor, start[key])]


def test_a_hidden_layer_in_the_head_is_trained_kept_and_loaded(squares: Path, tmp_path: Path) -> None:
    result = run(squares, tmp_path, freeze="backbone", head="mlp", epochs=1)
    assert result.weights is not None
    assert read_header(result.weights).head == "mlp"
    classifier = cvp_core.load(result.weights)
    assert "head.classifier.hidden.weight" in state(result.weights)
    assert len(classifier.predict([next(squares.rglob("*.png"))])) == 1
    again = run(squares, tmp_path, weights=str(result.weights), epochs=1)
    assert again.weights is not None
    assert read_header(again.weights).head == "mlp"
    with pytest.raises(ConfigError, match="takes no hidden layer"):
        run(squares, tmp_path, model="squeezenet1_1", head="mlp")
