"""A run that starts from weights prepares pictures as these expect them, and says where something does not match."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

import cvp_core
from cvp_core import Preprocess, WeightsSpec, registry
from cvp_core.errors import ConfigError, UnknownNameError, WeightsError
from cvp_core.train import Plan, plan, plan_to_resume, train
from cvp_core.train.runs import RunFolder
from cvp_core.weights import find_weights
from cvp_core.weights.header import read_header

ODD = Preprocess((48, 48), 64, "bicubic", (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    model = cvp_core.create_model("mobilenetv2_050", num_classes=7)
    path = tmp_path / "odd.safetensors"
    cvp_core.save(path, model, classes=[f"class {index}" for index in range(7)], preprocess=ODD)
    return path


def planned(data: Path | str, tmp_path: Path, **changes: object) -> Plan:
    given = {"model": "mobilenetv2_050", "data": str(data), "epochs": 2, "batch_size": 8, "threads": 1, **changes}
    return plan(given, runs_dir=tmp_path / "runs")


def test_size_crop_interpolation_and_statistics_are_those_of_the_weights(
    noise: Path, tmp_path: Path, weights: Path
) -> None:
    resolved = planned(noise, tmp_path, weights=str(weights))
    assert resolved.preprocess == ODD
    assert resolved.model.num_classes() == 2
    assert not [note for note in resolved.splits.notes if "weights" in note]


def test_another_size_keeps_the_share_of_the_crop_and_is_told(noise: Path, tmp_path: Path, weights: Path) -> None:
    resolved = planned(noise, tmp_path, weights=str(weights), image_size=96)
    assert resolved.preprocess == dataclasses.replace(ODD, size=(96, 96), resize=128)
    assert "the weights were trained at 48x48, this run shows 96x96" in resolved.splits.notes


def test_a_crop_that_is_asked_for_counts_with_weights_too(noise: Path, tmp_path: Path, weights: Path) -> None:
    resolved = planned(noise, tmp_path, weights=str(weights), crop=0.5)
    assert resolved.preprocess == dataclasses.replace(ODD, resize=96)


def test_other_statistics_are_told(noise: Path, tmp_path: Path, weights: Path) -> None:
    resolved = planned(noise, tmp_path, weights=str(weights), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    assert resolved.preprocess.mean == (0.5, 0.5, 0.5)
    assert "mean and std are others than those that the weights were trained with" in resolved.splits.notes
    with pytest.raises(ConfigError, match="mean has 1 values"):
        planned(noise, tmp_path, weights=str(weights), mean=(0.5,), std=(0.5,))


def test_a_run_that_is_continued_prepares_pictures_as_it_began(noise: Path, tmp_path: Path, weights: Path) -> None:
    result = train(planned(noise, tmp_path, weights=str(weights), epochs=1))
    run = RunFolder(result.run)
    run.write_record(dataclasses.replace(run.read_record(), is_finished=False))
    weights.unlink()
    with pytest.raises(WeightsError):
        plan_to_resume(result.run)  # there is no checkpoint, so the weights are needed
    assert Preprocess.from_json(run.read_record().preprocess) == ODD
    assert result.weights is not None
    assert read_header(result.weights).preprocess == ODD


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: Path) -> str:
    """Our own file as something that is published for mobilenetv2_050, served from a folder as a mirror."""
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CVP_WEIGHTS_MIRROR", str(tmp_path))
    spec = WeightsSpec("Odd_V1", "https://nowhere.invalid/odd.safetensors", source="cvp", classes=7, preprocess=ODD)
    claim = registry.find_model("mobilenetv2_050")
    changed = dataclasses.replace(claim, spec=dataclasses.replace(claim.spec, weights=(spec,)))
    monkeypatch.setitem(registry.models().claims, "mobilenetv2_050", [changed])
    return "mobilenetv2_050.odd_v1"


def test_published_weights_are_found_by_name_and_as_the_best(published: str, weights: Path) -> None:
    path = find_weights(published)
    assert read_header(path).preprocess == ODD
    expected = cvp_core.create_model("mobilenetv2_050", weights=weights).state_dict()
    for name in ("pretrained", "odd_v1", published):
        state = cvp_core.create_model("mobilenetv2_050", weights=name).state_dict()
        assert all(torch.equal(state[key], expected[key]) for key in expected)
    with pytest.raises(UnknownNameError, match="no weights 'even' are published for mobilenetv2_050"):
        find_weights("mobilenetv2_050.even")


def test_settings_name_the_weights_that_pretrained_stood_for(published: str, noise: Path, tmp_path: Path) -> None:
    resolved = planned(noise, tmp_path, weights="pretrained")
    assert resolved.config.weights == published


def test_a_model_for_which_nothing_is_published_says_so(noise: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no weights are published for oneconv"):
        planned(noise, tmp_path, model="oneconv", weights="pretrained")
