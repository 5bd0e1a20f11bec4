"""`cvp runs`: listing, showing and comparing run folders."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from cvp_cli.commands.runs.show import sparkline
from cvp_cli.main import main
from cvp_core.train import TrainConfig
from cvp_core.train.events import EpochResult
from cvp_core.train.runs import RunFolder

FAST, SLOW = "2026-11-22_10-00-00_oneconv-birds", "2026-11-22_09-00-00_oneconv-birds"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Two runs that differ in learning rate and seed; the first was stopped."""
    root = tmp_path / "runs"
    for name, epochs, gain, settings in (
        (SLOW, 4, 0.1, {"learning_rate": 0.001}),
        (FAST, 2, 0.2, {"learning_rate": 0.01, "seed": 7}),
    ):
        folder = root / name
        folder.mkdir(parents=True)
        run = RunFolder(folder)
        run.write_config(replace(TrainConfig("oneconv", "birds", epochs=4), **settings))
        for epoch in range(1, epochs + 1):
            accuracy = 0.25 + gain * epoch
            run.add_epoch(EpochResult(epoch, 2 / epoch, accuracy, 3 / epoch, accuracy, 1e-3, 1.5, True))
        (folder / "curves.png").write_bytes(b"")
    return root


def test_list_shows_the_newest_first_and_how_each_ended(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", "--runs-dir", str(runs)]) == 0
    head, first, second, foot = capsys.readouterr().out.splitlines()
    assert head.split() == ["RUN", "MODEL", "DATA", "EPOCHS", "BEST", "STATE", "TIME"]
    assert first.split() == [FAST, "oneconv", "birds", "2/4", "65.0", "%", "interrupted", "3.0", "s"]
    assert second.split() == [SLOW, "oneconv", "birds", "4", "65.0", "%", "finished", "6.0", "s"]
    assert foot.startswith("2 runs in ")


def test_list_as_json_is_a_list_of_runs(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", "--runs-dir", str(runs), "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)
    assert first == {
        "run": str(runs / FAST),
        "model": "oneconv",
        "data": "birds",
        "epochs": 2,
        "planned_epochs": 4,
        "best_epoch": 2,
        "top1": 0.65,
        "state": "interrupted",
        "seconds": 3.0,
        "weights": None,
    }
    assert second["run"] == str(runs / SLOW)


def test_no_runs_are_an_empty_list_and_a_hint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "list", "--runs-dir", str(tmp_path / "none"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["runs", "list", "--runs-dir", str(tmp_path / "none")]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "`cvp train MODEL --data DATA` makes one" in said.err


def test_show_prints_settings_epochs_and_the_way_to_go_on(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "show", "last", "--runs-dir", str(runs)]) == 0
    out = capsys.readouterr().out
    assert "learning_rate 0.01" in out
    assert "epochs 2/4" in out
    assert "validation accuracy  ▁█  45.0% to 65.0%" in out
    assert str(runs / FAST / "curves.png") in out
    assert f"cvp train --resume {runs / FAST}" in out


def test_show_as_json_holds_config_and_history(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "show", SLOW, "--runs-dir", str(runs), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["config"]["learning_rate"] == 0.001
    assert [row["epoch"] for row in document["history"]] == [1, 2, 3, 4]
    assert document["history"][1]["val_loss"] == 1.5
    assert str(runs / SLOW / "metrics.csv") in document["files"]


def test_compare_draws_a_picture_and_lists_what_differs(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = tmp_path / "new" / "both.png"
    both = [FAST, str(runs / SLOW)]
    assert main(["runs", "compare", *both, "--runs-dir", str(runs), "-o", str(picture)]) == 0
    rows = {line.split("  ")[0]: line.split()[-2:] for line in capsys.readouterr().out.splitlines() if line}
    assert rows["learning_rate"] == ["0.01", "0.001"]
    assert rows["seed"] == ["7", "0"]
    assert rows["state"] == ["interrupted", "finished"]
    assert not {"batch_size", "model"} & set(rows)
    colours = Image.open(picture).convert("RGB").getcolors(1 << 24)
    assert colours is not None
    assert {(0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00)} <= {colour for _, colour in colours}


def test_compare_as_json(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = ["-o", str(tmp_path / "c.png"), "--json"]
    assert main(["runs", "compare", FAST, SLOW, "--runs-dir", str(runs), *output]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["differing"] == {"learning_rate": [0.01, 0.001], "seed": [7, 0]}
    assert [run["epochs"] for run in document["runs"]] == [2, 4]
    assert document["picture"] == str(tmp_path / "c.png")


@pytest.mark.parametrize(
    "line, message",
    [
        (["show", "oneconv-bird"], "Did you mean 'oneconv-birds'?"),
        (["compare", FAST], "give at least two"),
        (["compare", FAST, "last"], "give at least two"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], line: list[str], message: str
) -> None:
    assert main(["runs", *line, "--runs-dir", str(runs)]) == 2
    assert message in capsys.readouterr().err


def test_listing_and_showing_runs_import_neither_torch_nor_matplotlib(runs: Path) -> None:
    watch = (
        "import sys\nfrom cvp_cli.main import main\n"
        "codes = [main(['runs', *line, '--runs-dir', sys.argv[1]]) for line in (['list'], ['show', 'last'])]\n"
        "assert codes == [0, 0], codes\n"
        "heavy = {'torch', 'torchvision', 'matplotlib', 'lightning_fabric', 'timm'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", watch, str(runs)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_sparkline_goes_from_least_to_greatest_and_fits_a_line() -> None:
    nan = float("nan")
    assert sparkline([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]) == "▁▂▃▄▅▆▇█"
    assert sparkline([0.5, nan, 1.0]) == "▁ █"
    assert sparkline([0.5, 0.5]) == "██"
    assert sparkline([nan]) == sparkline([]) == ""
    long = sparkline([index / 1000 for index in range(1000)])
    assert len(long) <= 60
    assert (long[0], long[-1]) == ("▁", "█")
