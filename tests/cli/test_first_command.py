"""The README's first command on the sample that it paints, with its default settings but for fewer epochs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from cvp_cli.main import main
from cvp_core.data import open_data


@pytest.mark.slow
def test_densenet_learns_the_birds_and_leaves_everything_to_look_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["train", "densenet", "--data", "birds", "--epochs", "3", "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert "synthetic" in captured.err
    assert result["top1"] >= 0.5  # of four classes
    assert Path(result["weights"]) == tmp_path / "weights" / "densenet121-birds.safetensors"
    run = Path(result["run"])
    assert {path.name for path in run.iterdir()} >= {
        "report.html", "curves.png", "confusion.png", "reliability.png", "metrics.csv", "config.toml",
    }  # fmt: skip
    assert len(list(csv.DictReader((run / "metrics.csv").open()))) == result["epochs"]
    splits = open_data("birds")
    cockatoo = int((splits.train.labels == splits.classes.index("Cockatoo")).argmax())
    assert main(["predict", "densenet121-birds", splits.train.path(cockatoo), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert {guess["label"] for guess in row["predictions"]} == {
        "Bananaquit", "Black Skimmer", "Black-throated Bushtit", "Cockatoo",
    }  # fmt: skip
