"""`cvp compile`, and its artifact in `cvp predict` and `cvp evaluate`."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from shortcuts import stay_here

import cvp_core
from cvp_cli.main import main

CLASSES = ["red", "green", "blue"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of a small network, pictures in class folders, and the checkpoint's artifact for ONNX Runtime."""
    folder = tmp_path_factory.mktemp("compile")
    torch.manual_seed(0)
    model = cvp_core.create_model("squeezenet1_1", num_classes=3, image_size=(64, 64))
    preprocess = cvp_core.Preprocess(size=(64, 64), resize=64)
    cvp_core.save(folder / "colours.safetensors", model, classes=CLASSES, preprocess=preprocess)
    random = np.random.default_rng(0)
    for channel, name in enumerate(CLASSES):
        (folder / "pictures" / name).mkdir(parents=True)
        for number in range(4):
            pixels = random.integers(0, 100, (70, 80, 3), dtype=np.uint8)
            pixels[..., channel] += 150
            Image.fromarray(pixels).save(folder / "pictures" / name / f"{number}.png")
    pytest.importorskip("onnxruntime")
    arguments = ["--backend", "onnxruntime", "--batch-size", "dynamic", "-o", str(folder / "colours.cvp")]
    assert main(["compile", str(folder / "colours.safetensors"), *arguments]) == 0
    return folder


def test_artifact_evaluates_as_its_checkpoint(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = []
    for name in ("colours.safetensors", "colours.cvp"):
        data = ["--data", str(place / "pictures"), "--split", "train", "--json"]
        assert main(["evaluate", str(place / name), *data]) == 0
        answers.append(json.loads(capsys.readouterr().out))
    assert answers[0]["samples"] > 0
    assert answers[1]["loss"] == pytest.approx(answers[0]["loss"], abs=1e-4)
    assert answers[1]["top1"] == answers[0]["top1"]


def test_artifact_predicts_as_its_checkpoint_and_without_torch(place: Path) -> None:
    picture = place / "pictures" / "green" / "0.png"
    code = (
        "import sys; from cvp_cli.main import main; code = main(sys.argv[1:]); "
        "print('torch' in sys.modules, file=sys.stderr); sys.exit(code)"
    )
    answers = {}
    for name in ("colours.safetensors", "colours.cvp"):
        command = [sys.executable, "-c", code, "predict", str(place / name), str(picture), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        answers[name] = json.loads(done.stdout)[0]["predictions"]
        assert done.stderr.split()[-1] == str(name != "colours.cvp")
    for ours, plain in zip(answers["colours.cvp"], answers["colours.safetensors"], strict=True):
        assert ours["label"] == plain["label"]
        assert ours["probability"] == pytest.approx(plain["probability"], abs=1e-4)


def test_a_fallback_says_why(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoilt = tmp_path / "colours.cvp"
    shutil.copytree(place / "colours.cvp", spoilt)
    (spoilt / "payload" / "model.onnx").unlink()
    picture = str(place / "pictures" / "green" / "0.png")
    assert main(["predict", str(spoilt), picture]) == 2
    refused = capsys.readouterr().err.strip().removeprefix("Error: ")
    for command in (["predict", str(spoilt), picture], ["evaluate", str(spoilt), "--data", str(place / "pictures")]):
        assert main([*command, "--fallback"]) == 0
        assert capsys.readouterr().err.splitlines()[0] == f"warning: its plain model answers: {refused}"


def test_table_names_what_was_kept_and_why(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stay_here(monkeypatch)
    target = tmp_path / "eager.cvp"
    settings = ["--backend", "eager", "--precision", "float32", "-o", str(target)]
    assert main(["compile", str(place / "colours.cvp"), *settings]) == 0
    out = capsys.readouterr().out
    assert "BACKEND" in out
    assert "eager *" in out
    assert "ok: logits within" in out
    assert f"cvp predict {target} photo.jpg" in out
    assert (target / "manifest.json").is_file()


def test_a_model_compiled_for_another_size_takes_pictures_of_any(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stay_here(monkeypatch)
    target = tmp_path / "small.cvp"
    assert main(["compile", "squeezenet1_1", "--image-size", "48", "--backend", "onnxruntime", "-o", str(target)]) == 0
    assert main(["predict", str(target), str(place / "pictures" / "red" / "0.png"), "--json"]) == 0
    assert '"class ' in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["nosuchnet"], "no model or family 'nosuchnet'"),
        (["linear", "--backend", "openvno"], "Did you mean 'openvino'"),
        (["linear", "--backend", "onnxruntime", "--precision", "bfloat16"], "does not compute in bfloat16"),
        (["linear", "--precision", "int8"], "int8 costs accuracy"),
        (["linear", "--max-drop", "1"], "--data DATA"),
        (["linear", "--batch-size", "0"], "neither a count of at least 1 nor 'dynamic'"),
        (["linear", "--device", "cuda:9"], "is not on this machine"),
        (["linear", "-o", "/dev/null/x.cvp", "--backend", "eager"], "cannot write"),
    ],
)
def test_a_mistake_is_told_before_anything_is_compiled(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compile", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_checkpoint_is_compiled_at_its_own_size(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compile", str(place / "colours.safetensors"), "--image-size", "32"]) == 2
    assert "a checkpoint has its own size" in capsys.readouterr().err
