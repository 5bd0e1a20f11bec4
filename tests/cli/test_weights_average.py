"""`cvp weights average` at the terminal: what it writes, what it prints, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import click
import numpy as np
import pytest
import torch
from PIL import Image

import cvp_core
from cvp_cli.commands.weights.average import command
from cvp_core.errors import WeightsError
from cvp_core.weights.header import read_header


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights `one`, `two` and `three` in the store, trained on data/{blue,red} by name; it is the working folder."""
    generator = np.random.default_rng(0)
    for name, colour in (("blue", (40, 40, 200)), ("red", (200, 40, 40))):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(10):
            pixels = np.clip(generator.normal(colour, 30, (16, 16, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{index}.png")
    for seed, name in enumerate(("one", "two", "three")):
        torch.manual_seed(seed)
        model = cvp_core.create_model("linear", num_classes=2, in_channels=3, image_size=(16, 16))
        cvp_core.save(
            tmp_path / "weights" / f"{name}.safetensors",
            model,
            classes=("blue", "red"),
            preprocess=cvp_core.Preprocess((16, 16), 16),
            training={"data": str(tmp_path / "data"), "seed": 0, "val_fraction": 0.4, "epochs": seed},
            metrics={"top1": 0.125},
        )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> None:
    command.main(list(arguments), standalone_mode=False)


def test_a_plain_average_is_not_measured(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("one", "two", "-o", "soup")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["INGREDIENT", "TOP-1", "AVERAGE", "WITH", "IT", "KEPT"]
    assert lines[1].split() == ["one", "-", "-", "yes"]
    assert "uniform, of 2 ingredients" in lines[4]
    header = read_header(folder / "weights" / "soup.safetensors")
    assert header.metrics == {}
    assert header.training["parents"] == ["one", "two"]
    assert header.training["val_fraction"] == 0.4
    assert "epochs" not in header.training


def test_greedy_measures_on_what_they_were_trained_on(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("one", "two", "three", "--greedy", "--json")
    document = json.loads(capsys.readouterr().out)
    assert Path(document["weights"]) == folder / "weights" / "one-average.safetensors"
    assert (document["method"], document["samples"]) == ("greedy", 8)
    values = [row["top1"] for row in document["ingredients"]]
    assert values == sorted(values, reverse=True)
    assert document["ingredients"][0]["kept"] is True
    assert document["top1"] >= values[0]
    assert read_header(Path(document["weights"])).metrics == {"top1": document["top1"]}
    assert cvp_core.load("one-average").predict("data/red/0.png")[0].error is None


def test_different_seeds_are_told_where_they_draw_the_validation_pictures(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, header = cvp_core.weights.format.load_model(folder / "weights" / "two.safetensors")
    cvp_core.save(
        folder / "other.safetensors",
        model,
        classes=header.classes,
        preprocess=header.preprocess,
        training={**header.training, "seed": 7},
    )
    run("one", "./other.safetensors", "--data", "data", "-o", "soups/mine.safetensors")
    captured = capsys.readouterr()
    assert "seeds 0, 7" in captured.err
    assert "on data, val (8 pictures)" in captured.out
    assert (folder / "soups" / "mine.safetensors").is_file()


def test_mistakes_write_nothing(folder: Path) -> None:
    with pytest.raises(WeightsError, match="two weights at least, given 1"):
        run("one")
    with pytest.raises(WeightsError, match="no weights 'twoo'"):
        run("one", "twoo")
    with pytest.raises(click.UsageError, match="-o two is one of the weights"):
        run("one", "two", "-o", "two")
    assert sorted(path.name for path in (folder / "weights").iterdir()) == [
        "one.safetensors",
        "three.safetensors",
        "two.safetensors",
    ]
