"""Run folders read back: what was written, what was half-written, how a run ended, and which one a name means."""

from __future__ import annotations

import json
import math
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from cvp_core.errors import DataError, UnknownNameError
from cvp_core.train import TrainConfig
from cvp_core.train.events import EpochResult
from cvp_core.train.history import find_run, list_runs, read_run
from cvp_core.train.runs import RunFolder

HISTORY = [
    EpochResult(1, 1.25, 0.5, 1.5, 0.25, 1e-3, 2.0, True),
    EpochResult(2, 0.75, 0.625, 1.0, 0.5, 5e-4, 3.0, True),
    EpochResult(3, 0.5, 0.75, 1.125, 0.375, 0.0, 4.0, False),
]
OLD = time.time() - 86400


def write(root: Path, name: str, history: list[EpochResult] = HISTORY, **settings: object) -> Path:
    folder = root / name
    folder.mkdir(parents=True)
    run = RunFolder(folder)
    run.write_config(replace(TrainConfig("oneconv", "birds", epochs=3), **settings))
    for result in history:
        run.add_epoch(result)
    return folder


def drawn(folder: Path) -> Path:
    (folder / "curves.png").write_bytes(b"")
    return folder


def aged(folder: Path) -> Path:
    """As if nobody had touched it for a day."""
    for path in folder.iterdir():
        os.utime(path, (OLD, OLD))
    return folder


def test_what_a_run_folder_was_given_is_read_back(tmp_path: Path) -> None:
    folder = drawn(write(tmp_path, "2026-11-22_10-31-07_oneconv-birds"))
    (folder / "best.safetensors").write_bytes(b"")
    run = read_run(folder)
    assert list(run.history) == HISTORY
    assert run.best == HISTORY[1]
    assert run.config["model"] == "oneconv"
    assert (run.title, run.state, run.seconds, run.epochs) == ("oneconv-birds", "finished", 9.0, 3)
    assert run.weights == folder / "best.safetensors"
    assert time.localtime(run.started)[:6] == (2026, 11, 22, 10, 31, 7)
    assert [path.name for path in run.files] == ["config.toml", "curves.png", "metrics.csv"]


def test_a_run_without_validation_keeps_its_nan(tmp_path: Path) -> None:
    nan = float("nan")
    folder = write(tmp_path, "a", [EpochResult(1, 1.0, 0.5, nan, nan, 0.0, 1.0, True)])
    (result,) = read_run(folder).history
    assert math.isnan(result.val_loss)
    assert math.isnan(result.val_accuracy)


@pytest.mark.parametrize("cut", [2, 4, 10, 30])
def test_a_line_that_is_being_written_is_left_out(tmp_path: Path, cut: int) -> None:
    folder = write(tmp_path, "a", [*HISTORY[:2], replace(HISTORY[2], waited=12.5)])
    whole = (folder / "metrics.csv").read_bytes()
    assert whole.endswith(b",12.5\r\n")  # of which 12 is a number too
    (folder / "metrics.csv").write_bytes(whole[:-cut])
    assert list(read_run(folder).history) == HISTORY[:2]


@pytest.mark.parametrize("content", [b"", b"\x00\xff" * 200_000 + b"\n", b"epoch\nfour\n", b"a,b\n1,2\n"])
def test_metrics_that_are_none_give_a_run_without_epochs(tmp_path: Path, content: bytes) -> None:
    folder = write(tmp_path, "a", [])
    (folder / "metrics.csv").write_bytes(content)
    assert read_run(folder).history == ()


def test_columns_of_another_version_are_borne(tmp_path: Path) -> None:
    folder = write(tmp_path, "a", [])
    (folder / "metrics.csv").write_text("epoch,train_loss,val_accuracy,is_best,new\n1,0.5,0.75,True,x\n")
    (result,) = read_run(folder).history
    assert (result.epoch, result.train_loss, result.val_accuracy, result.is_best) == (1, 0.5, 0.75, True)
    assert math.isnan(result.val_loss)


def test_of_an_epoch_that_was_run_again_the_later_counts(tmp_path: Path) -> None:
    again = replace(HISTORY[1], val_accuracy=0.625)
    folder = write(tmp_path, "a", [HISTORY[0], HISTORY[1], again, HISTORY[2]])
    assert list(read_run(folder).history) == [HISTORY[0], again, HISTORY[2]]


def test_the_state_says_how_a_run_ended(tmp_path: Path) -> None:
    assert read_run(drawn(write(tmp_path, "all"))).state == "finished"
    assert read_run(drawn(write(tmp_path, "stopped", HISTORY[:2]))).state == "interrupted"
    assert read_run(drawn(write(tmp_path, "patient", patience=1, epochs=9))).state == "finished"
    assert read_run(write(tmp_path, "fresh", HISTORY[:1])).state == "running"
    assert read_run(aged(write(tmp_path, "killed", HISTORY[:1]))).state == "unknown"


def test_a_run_that_was_continued_is_no_longer_interrupted(tmp_path: Path) -> None:
    folder = aged(drawn(write(tmp_path, "a", HISTORY[:1])))
    assert read_run(folder).state == "interrupted"
    RunFolder(folder).add_epoch(HISTORY[1])
    assert read_run(folder).state == "running"


def test_the_run_s_own_record_of_its_end_counts_before_all_signs(tmp_path: Path) -> None:
    folder = drawn(write(tmp_path, "a", HISTORY[:1]))
    (folder / "run.json").write_text(json.dumps({"is_finished": True}))
    assert read_run(folder).state == "finished"
    (folder / "run.json").write_text(json.dumps({"is_finished": False}))
    assert read_run(folder).state == "interrupted"


def test_runs_are_listed_newest_first_and_other_folders_passed_over(tmp_path: Path) -> None:
    for name in ("2026-11-22_09-00-00_a", "2026-11-22_10-00-00_a", "2025-01-01_00-00-00_b"):
        write(tmp_path, name)
    (tmp_path / "pictures").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.toml").write_text("= no toml")
    names = [run.name for run in list_runs(tmp_path)]
    assert names == ["2026-11-22_10-00-00_a", "2026-11-22_09-00-00_a", "2025-01-01_00-00-00_b"]
    assert list_runs(tmp_path / "nowhere") == []


def test_a_run_is_found_by_folder_name_title_and_last(tmp_path: Path) -> None:
    for name in ("2026-11-22_09-00-00_a", "2026-11-22_10-00-00_a", "2026-11-22_11-00-00_b"):
        write(tmp_path, name)
    assert find_run(str(tmp_path / "2026-11-22_09-00-00_a"), "elsewhere").name == "2026-11-22_09-00-00_a"
    assert find_run("2026-11-22_09-00-00_a", tmp_path).name == "2026-11-22_09-00-00_a"
    assert find_run("a", tmp_path).name == "2026-11-22_10-00-00_a"
    assert find_run("last", tmp_path).name == "2026-11-22_11-00-00_b"


def test_an_unknown_run_is_told_with_the_near_ones(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"nor any other in .*`cvp train` makes them"):
        find_run("last", tmp_path)
    write(tmp_path, "2026-11-22_09-00-00_densenet121-birds")
    with pytest.raises(UnknownNameError, match="Did you mean 'densenet121-birds'"):
        find_run("densnet121-birds", tmp_path)


@pytest.mark.parametrize("content, fault", [(None, "is missing"), ("= no toml", "cannot be read")])
def test_what_is_no_run_folder_is_said(tmp_path: Path, content: str | None, fault: str) -> None:
    if content is not None:
        (tmp_path / "config.toml").write_text(content)
    with pytest.raises(DataError, match=f"no run folder: its config.toml {fault}"):
        read_run(tmp_path)
