"""`cvp explain` at the terminal: what it draws, what it prints, and every way to give it something wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cvp_core
from cvp_cli.main import main

CLASSES = ("Bananaquit", "Black Skimmer", "鸟")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights `net` and `flat` in the store, a.png and b.jpg beside; it is the working folder."""
    for name, model, size in (("net", "oneconv", (3, 20, 20)), ("flat", "linear", (1, 28, 28))):
        torch.manual_seed(0)
        built = cvp_core.create_model(model, num_classes=3, in_channels=size[0], image_size=size[1:])
        preprocess = cvp_core.Preprocess(
            size[1:], 24 if size[0] == 3 else None, mean=(0.5,) * size[0], std=(0.5,) * size[0]
        )
        cvp_core.save(tmp_path / "weights" / f"{name}.safetensors", built, classes=CLASSES, preprocess=preprocess)
    generator = np.random.default_rng(0)
    for name in ("a.png", "b.jpg"):
        Image.fromarray(generator.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["explain", *arguments]) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "unexpected" not in message
    return message


def test_each_picture_lies_beside_its_evidence_and_the_end_says_where(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", "net", "a.png", "b.jpg"]) == 0
    screen = capsys.readouterr().out.splitlines()
    assert screen[0].split() == ["IMAGE", "EVIDENCE", "FOR", "PROBABILITY"]
    assert [line.split()[0] for line in screen[1:3]] == ["a.png", "b.jpg"]
    width, height = Image.open("net-explained.png").size
    assert screen[-1] == f"look  net-explained.png ({width}x{height} pixels)"
    assert width > 4 * 256


def test_json_says_the_same_as_predict(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "net", "a.png", "--top", "2", "-o", "out/x.png", "--json"]) == 0
    explained = json.loads(capsys.readouterr().out)
    assert main(["predict", "net", "a.png", "--top-k", "2", "--json"]) == 0
    predicted = json.loads(capsys.readouterr().out)
    assert explained["picture"] == "out/x.png"
    assert (explained["width"], explained["height"]) == Image.open("out/x.png").size
    for row, other in zip(explained["images"], predicted, strict=True):
        assert (row["path"], row["error"]) == (other["path"], other["error"])
        assert [guess["label"] for guess in row["predictions"]] == [guess["label"] for guess in other["predictions"]]
        for guess, same in zip(row["predictions"], other["predictions"], strict=True):
            assert guess["probability"] == pytest.approx(same["probability"], abs=1e-5)


def test_another_class_can_be_asked_about(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pages = []
    for name in CLASSES:
        assert main(["explain", "net", "a.png", "--class", name.lower()]) == 0
        assert name in capsys.readouterr().out
        pages.append(Path("net-explained.png").read_bytes())
    assert len(set(pages)) == 3


def test_an_unreadable_picture_is_told_and_the_others_are_drawn(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "broken.jpg").write_bytes((folder / "b.jpg").read_bytes()[:300])
    assert main(["explain", "net", "broken.jpg", "a.png", "gone.png"]) == 2
    captured = capsys.readouterr()
    assert "a.png" in captured.out
    assert "cannot read broken.jpg: the file ends after 300 bytes" in captured.err
    assert "cannot read gone.png: no such file" in captured.err
    Path("net-explained.png").unlink()
    assert "gone.png: no such file" in failure(capsys, "net", "gone.png")
    assert not Path("net-explained.png").exists()


def test_filters_and_feature_maps_are_drawn(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "net", "--filters"]) == 0
    assert "look  net-filters.png (" in capsys.readouterr().out
    assert main(["explain", "flat", "--filters", "-o", "flat.png"]) == 0
    assert main(["explain", "net", "a.png", "--features"]) == 0
    assert "look  net-features.png (" in capsys.readouterr().out
    assert all(Image.open(name).height > 100 for name in ("net-filters.png", "flat.png", "net-features.png"))


def test_a_class_that_the_model_does_not_know_has_near_misses(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    message = failure(capsys, "net", "a.png", "--class", "bananaquot")
    assert "no class 'bananaquot'. Did you mean 'Bananaquit'? The model knows Bananaquit, Black Skimmer, 鸟." in message


def test_an_artifact_cannot_be_looked_into_but_its_weights_can(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "net.cvp").mkdir()
    (folder / "net.cvp" / "manifest.json").write_text('{"backend": "eager", "job": {}, "files": {}}')
    (folder / "net.cvp" / "weights.safetensors").write_bytes((folder / "weights" / "net.safetensors").read_bytes())
    assert "cvp explain net.cvp/weights.safetensors" in failure(capsys, "net.cvp", "a.png")
    assert main(["explain", "net.cvp/weights.safetensors", "a.png"]) == 0


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["net"], "IMAGES are missing"),
        (["net", "a.png", "--filters"], "--filters needs no picture"),
        (["net", "--features"], "--features draws one picture, given 0"),
        (["net", "a.png", "b.jpg", "--features"], "given 2"),
        (["net", "a.png", "--features", "--top", "2"], "go with Grad-CAM alone"),
        (["net", "a.png", "--class", "x", "--top", "2"], "--class and --top exclude each other"),
        (["net", "gone.png", "--features"], "gone.png: no such file"),
        (["nett", "a.png"], "Did you mean 'net'"),
        (["flat", "a.png"], "linear has no feature map that lies over the picture"),
        (["flat", "a.png", "--features"], "linear has no feature map that lies over the picture"),
        (["net", "a.png", "-o", "a.png/x.png"], "cannot write"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert message in failure(capsys, *arguments)
