"""The main job through the command line: train, evaluate, predict, and every way to give it something wrong."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import cvp_core
from cvp_cli.main import main

SIDE = 16


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/{红色,blue} and weights trained on it by the command itself."""
    root = tmp_path_factory.mktemp("shop")
    for name, colour in (("红色", (200, 40, 40)), ("blue", (40, 40, 200))):
        (root / "data" / name).mkdir(parents=True)
        generator = np.random.default_rng(0)
        for index in range(20):
            pixels = np.clip(generator.normal(colour, 30, (SIDE, SIDE, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / "data" / name / f"{index}.png")
    folders = ["--runs-dir", str(root / "runs"), "--weights-dir", str(root / "weights")]
    settings = ["--epochs", "3", "--image-size", str(SIDE), "--name", "shop"]
    code = main(["train", "linear", "--data", str(root / "data"), *settings, *folders, "--json"])
    assert code == 0
    return root


@pytest.fixture
def checkpoint(shop: Path) -> str:
    return str(shop / "weights" / "shop.safetensors")


def test_train_prints_what_it_resolved_and_where_the_results_are(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["train", "linear", "--data", str(shop / "data"), "--epochs", "1", "--image-size", "16"]
    assert main([*arguments, "--runs-dir", str(tmp_path / "runs"), "--set", "augment='none'"]) == 0
    screen = capsys.readouterr().out
    for part in (
        "model    linear (cvp-classic",
        "1.54 k parameters with 2 classes",
        "32 train / 8 validation, stratified, seed 0",
        "float32",
        "at 16x16",
        "epoch  1/1  train loss",
        "lr ",
        "weights  ",
        "curves.png",
        "cvp predict linear-data photo.jpg",
    ):
        assert part in screen


def test_train_json_is_one_document_on_stdout(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["train", "linear", "--data", str(shop / "data"), "--epochs", "1", "--image-size", "16", "--json"]
    assert main([*arguments, "--runs-dir", str(tmp_path / "runs")]) == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document.keys() >= {"run", "weights", "epochs", "top1", "seconds"}
    assert Path(document["weights"]).is_file()
    assert "epoch  1/1" in captured.err


def test_evaluate_takes_the_validation_pictures_of_training(
    checkpoint: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", checkpoint, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document.keys() >= {"top1", "top5", "loss", "samples", "classes"}
    assert document["samples"] == 8
    assert document["top1"] == 1.0
    assert document["classes"] == ["blue", "红色"]
    assert main(["evaluate", checkpoint, "--data", str(shop / "data"), "--split", "train"]) == 0
    assert "32 pictures" in capsys.readouterr().out


def test_evaluate_matches_classes_by_name_not_by_number(
    checkpoint: str, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("blue", "红色"):
        (tmp_path / "test-only" / "train").mkdir(parents=True, exist_ok=True)
        os.symlink(shop / "data" / name, tmp_path / "test-only" / "train" / name)
    assert main(["evaluate", checkpoint, "--data", str(tmp_path / "test-only"), "--split", "train", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["top1"] == 1.0
    os.rename(tmp_path / "test-only" / "train" / "blue", tmp_path / "test-only" / "train" / "green")
    assert main(["evaluate", checkpoint, "--data", str(tmp_path / "test-only")]) == 2
    assert "was not trained on: green" in capsys.readouterr().err


def test_predict_answers_every_readable_picture_and_gives_an_error_row_for_each_other(
    checkpoint: str, shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "照片"
    folder.mkdir()
    red, blue = Image.new("RGB", (30, 20), (210, 30, 30)), Image.new("RGB", (20, 30), (30, 30, 210))
    red.save(folder / "a 红.png")
    (folder / "b.jpg").write_bytes(b"")
    blue.save(folder / "c.jpg")
    (folder / "d.jpg").write_bytes((folder / "c.jpg").read_bytes()[:300])
    red.convert("CMYK").save(folder / "e.jpg")
    assert main(["predict", checkpoint, str(folder), "--json", "--batch-size", "2"]) == 2
    rows = json.loads(capsys.readouterr().out)
    answers = [row["predictions"][0]["label"] if row["predictions"] else None for row in rows]
    assert [Path(row["path"]).name for row in rows] == ["a 红.png", "b.jpg", "c.jpg", "d.jpg", "e.jpg"]
    assert answers == ["红色", None, "blue", None, "红色"]
    assert [row["error"] is None for row in rows] == [True, False, True, False, True]
    assert all(sum(p["probability"] for p in row["predictions"]) == pytest.approx(1) for row in rows[::2])


def test_predict_takes_files_globs_and_top_k_and_prints_a_table_or_csv(
    checkpoint: str, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = shop / "data" / "blue"
    assert main(["predict", checkpoint, str(pictures / "1*.png"), str(pictures / "0.png"), "--top-k", "1"]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("blue  ") == 12
    assert "12 images" in captured.err
    assert main(["predict", checkpoint, str(pictures / "0.png"), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["label"] for row in rows] == ["blue", "红色"]


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["train", "linaer", "--data", "birds"], "Did you mean 'linear'"),
        (["train", "absentnet", "--data", "birds"], "pip install cvp-absent"),
        (["train", "linear"], "--data is missing"),
        (["train", "linear", "--data", "brids"], "Did you mean 'birds'"),
        (["train", "linear", "--data", "/no/such/folder"], "/no/such/folder"),
        (["train", "linear", "--data", "birds", "--epochs", "0"], "allowed is at least 1"),
        (["train", "linear", "--data", "birds", "--set", "epoch=3"], "did you mean 'epochs'"),
        (["train", "linear", "--data", "birds", "--set", "epochs"], "is not KEY=VALUE"),
        (["train", "linear", "--data", "birds", "--device", "cuda:9"], "is not on this machine"),
        (["train", "linear", "--data", "birds", "--precision", "int3"], "allowed are auto, float32"),
        (["predict", "no-such-weights", "x.jpg"], "no weights 'no-such-weights'"),
        (["predict", "missing.safetensors", "x.jpg"], "no weights file missing.safetensors"),
        (["predict"], "Missing argument 'CHECKPOINT'"),
        (["evaluate", "no-such-weights"], "no weights 'no-such-weights'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache" / "datasets" / "birds-v1").mkdir(parents=True)  # never painted: mistakes come first
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--runs-dir", "file/runs"], ["--weights-dir", "file/weights"]])
def test_an_unwritable_output_folder_is_one_line_and_exit_code_2(
    arguments: list[str],
    shop: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    assert main(["train", "linear", "--data", str(shop / "data"), "--epochs", "1", *arguments]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_a_picture_of_transparent_palette_16_bits_or_turned_by_exif_is_answered(
    checkpoint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    red = Image.new("RGB", (24, 24), (210, 30, 30))
    palette = red.quantize(4)
    palette.save(tmp_path / "palette.png", transparency=3)
    Image.fromarray(np.full((24, 24), 30000, np.uint16)).save(tmp_path / "grey16.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    red.save(tmp_path / "turned.jpg", exif=exif)
    red.save(tmp_path / "moving.gif", save_all=True, append_images=[Image.new("RGB", (24, 24), "blue")])
    assert main(["predict", checkpoint, str(tmp_path), "--json"]) == 0
    rows = {Path(row["path"]).name: row["predictions"][0]["label"] for row in json.loads(capsys.readouterr().out)}
    assert rows.keys() == {"palette.png", "grey16.png", "turned.jpg", "moving.gif"}
    assert rows["palette.png"] == rows["turned.jpg"] == rows["moving.gif"] == "红色"


def test_ctrl_c_stops_after_the_step_exits_130_and_publishes_nothing(shop: Path, tmp_path: Path) -> None:
    arguments = ["train", "linear", "--data", str(shop / "data"), "--epochs", "100000", "--image-size", "16"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cvp_cli", *arguments, "--runs-dir", str(tmp_path / "runs")],
        env={**os.environ, "CVP_WEIGHTS": str(tmp_path / "weights")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch  2/"):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "stopping after this step" in err
    assert "Traceback" not in err
    assert "best.safetensors" in out
    assert not list((tmp_path / "weights").iterdir())
    (run,) = (tmp_path / "runs").iterdir()
    assert cvp_core.load(run).classes == ("blue", "红色")


def test_killed_at_any_moment_the_store_holds_no_half_written_file(shop: Path, tmp_path: Path) -> None:
    """Runs that publish after every short training are killed at different moments."""
    program = (
        "import sys\nfrom cvp_cli.main import main\n"
        "print('ready', flush=True)\n"
        "while True:\n"
        f"    main(['train', 'linear', '--data', {str(shop / 'data')!r}, '--epochs', '1', '--image-size', '16',"
        f" '--runs-dir', {str(tmp_path / 'runs')!r}, '--weights-dir', {str(tmp_path / 'weights')!r}, '--json'])\n"
    )
    for turn in range(3):
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout is not None
        process.stdout.readline()
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("weights/*")) and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.1 + 0.37 * turn)
        process.kill()
        process.wait()
        process.stdout.close()
        files = [*tmp_path.glob("weights/*"), *tmp_path.glob("runs/*/*.safetensors")]
        assert files
        for file in files:
            assert cvp_core.load(file).classes == ("blue", "红色")


def test_data_show_info_and_list(shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "show", str(shop / "data"), "-o", str(tmp_path / "sheet.png"), "--columns", "3"]) == 0
    assert Image.open(tmp_path / "sheet.png").width > 3 * 90
    assert main(["data", "info", str(shop / "data"), "--json"]) == 0
    document = json.loads(capsys.readouterr().out.partition("\n")[2])
    assert document["splits"] == {"train": [20, 20]}
    assert main(["data", "list", "--json"]) == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out)]
    assert {"birds", "cifar10", "cifar100", "cub200", "fashion-mnist", "imagenet", "mnist"} <= set(names)


def test_unreadable_training_pictures_and_one_class_end_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "only" / "one").mkdir(parents=True)
    Image.new("RGB", (8, 8)).save(tmp_path / "only" / "one" / "a.png")
    assert main(["train", "linear", "--data", str(tmp_path / "only")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
