"""`--tta` at the terminal: predict and evaluate average over views, and say so."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cvp_core
from cvp_cli.main import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights `net` in the store, data/{a,b}/*.png of noise; it is the working folder."""
    torch.manual_seed(0)
    model = cvp_core.create_model("squeezenet1_1", num_classes=2)
    preprocess = cvp_core.Preprocess((32, 32), 32)
    cvp_core.save(tmp_path / "weights" / "net.safetensors", model, classes=("a", "b"), preprocess=preprocess)
    generator = np.random.default_rng(0)
    for name in ("a", "b"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(5):
            pixels = generator.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{index}.png")
            Image.fromarray(pixels[:, ::-1]).save(tmp_path / f"{name}{index} mirrored.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predicted(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, float]:
    assert main(["predict", "net", *arguments, "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    return {guess["label"]: guess["probability"] for guess in row["predictions"]}


def test_predict_averages_a_picture_and_its_mirror_image(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, mirrored = predicted(capsys, "data/a/0.png"), predicted(capsys, "a0 mirrored.png")
    averaged = predicted(capsys, "data/a/0.png", "--tta", "flips")
    assert plain["a"] != pytest.approx(mirrored["a"], abs=1e-5)
    assert averaged == pytest.approx({label: (plain[label] + mirrored[label]) / 2 for label in "ab"}, abs=1e-6)
    assert main(["predict", "net", "data/a/0.png", "--tta", "crops"]) == 0
    assert "views  10 a picture (its four corners and its centre" in capsys.readouterr().err


def test_evaluate_says_what_it_averaged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    losses = set()
    for views in ([], ["--tta", "flips"], ["--tta", "crops"]):
        assert main(["evaluate", "net", "--data", "data", "--split", "train", "--json", *views]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["tta"] == (views[1] if views else None)
        assert document["samples"] == 8
        losses.add(document["loss"])
    assert len(losses) == 3
    assert main(["evaluate", "net", "--data", "data", "--tta", "flips"]) == 0
    assert "views    2 a picture (as it is and mirrored), the mean of their probabilities" in capsys.readouterr().out
    assert main(["evaluate", "net", "--data", "data", "--tta", "turns"]) == 2
    assert "not one of 'flips', 'crops'" in capsys.readouterr().err
