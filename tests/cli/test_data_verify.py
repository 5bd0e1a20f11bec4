"""`cvp data verify`, `stats` and `split`: what they print, write and answer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvp_cli.main import main


def paint(path: Path, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    blots = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
    Image.fromarray(blots).resize((90, 70), Image.Resampling.BICUBIC).save(path)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    for seed in range(20):
        paint(tmp_path / "d" / ("cat", "dog")[seed % 2] / f"{seed}.png", seed)
    return tmp_path / "d"


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    root = tmp_path / "d"
    for name, seed in (
        ("train/cat/1", 1),
        ("train/cat/2", 2),
        ("train/dog/3", 3),
        ("train/dog/4", 4),
        ("val/dog/3", 3),
    ):
        paint(root / f"{name}.png", seed)
    (root / "train" / "dog" / "bad.jpg").write_bytes(b"x")
    return root


def test_a_sound_folder_is_said_to_be_and_read_once(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "verify", str(sound)]) == 0
    assert capsys.readouterr() == ("d: 20 pictures (all read): sound\n", "")
    assert main(["data", "verify", str(sound), "--workers", "1"]) == 0
    assert "(0 read, the others known from before): sound" in capsys.readouterr().out


def test_what_spoils_training_is_listed_and_ends_with_2(spoilt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "verify", str(spoilt)]) == 2
    out = capsys.readouterr().out
    assert out.splitlines()[0].split() == ["FINDING", "SEVERITY", "COUNT", "FIRST"]
    assert "train/dog/bad.jpg: not a picture" in out
    assert "train/dog/3.png = val/dog/3.png: train dog = val dog" in out
    assert "2 kinds of error" in out


def test_json_is_the_whole_report(spoilt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "verify", str(spoilt), "--json"]) == 2
    report = json.loads(capsys.readouterr().out)
    assert (report["sound"], report["pictures"], report["read"]) == (False, 6, 6)
    found = {finding["kind"]: finding for finding in report["findings"]}
    assert set(found) == {"unreadable", "leakage", "empty-class"}
    assert found["leakage"]["severity"] == "error"
    assert found["leakage"]["cases"] == [
        {"names": [f"{spoilt}/train/dog/3.png", f"{spoilt}/val/dog/3.png"], "note": "train dog = val dog"}
    ]


def test_fix_sets_aside_and_undo_puts_back(spoilt: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "verify", str(spoilt), "--fix"]) == 0
    assert f"2 files moved to {spoilt}.quarantine" in capsys.readouterr().err
    assert not (spoilt / "train/dog/bad.jpg").exists()
    assert not (spoilt / "train/dog/3.png").exists()
    assert main(["data", "verify", str(spoilt), "--undo"]) == 0
    assert capsys.readouterr().out == "2 files put back\n"
    assert (spoilt / "train/dog/3.png").exists()
    assert main(["data", "verify", str(spoilt), "--undo"]) == 2
    assert "nothing of" in capsys.readouterr().err


def test_fix_and_undo_are_refused_where_there_is_no_plain_folder(
    sound: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (sound / "list.txt").write_text("cat/0.png cat\ndog/1.png dog\n")
    for arguments, reason in (
        ([str(sound / "list.txt"), "--fix"], "is no folder of pictures"),
        (["birds", "--undo"], "'birds' is none"),
        ([str(sound), "--fix", "--undo"], "exclude each other"),
    ):
        assert main(["data", "verify", *arguments]) == 2
        assert reason in capsys.readouterr().err


def test_interrupting_ends_cleanly_with_130(
    sound: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from cvp_core.data.check import scan

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(scan, "read_picture", interrupted)
    assert main(["data", "verify", str(sound)]) == 130
    out, err = capsys.readouterr()
    assert (out, err.strip()) == ("", "Interrupted")


def test_stats_print_and_draw(sound: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "stats", str(sound), "-o", str(tmp_path / "page.png")]) == 0
    out = capsys.readouterr().out
    assert "90 / 90 / 90 pixels" in out
    assert "20 PNG" in out
    assert Image.open(tmp_path / "page.png").width > 1000
    assert main(["data", "stats", str(sound), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["counts"] == {"train": [10, 10]}
    assert (len(document["mean"]), len(document["std"]), document["is_sample"]) == (3, 3, False)


def test_split_writes_lists_that_train_reads(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "split", str(sound), "--val", "0.2", "--test", "0.1", "-o", str(sound), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["counts"] == {"train": [7, 7], "val": [2, 2], "test": [1, 1]}
    assert main(["data", "info", document["lists"]["train"], "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["splits"] == {"train": [7, 7]}
    assert main(["data", "split", str(sound), "-o", str(sound)]) == 2
    assert "--force" in capsys.readouterr().err


def test_split_keeps_copies_on_one_side(sound: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(20, 30):
        paint(sound / "cat" / f"copy {number}.png", 0)
    assert main(["data", "split", str(sound), "--group-duplicates", "-o", str(sound)]) == 0
    assert "1 group of copies" in capsys.readouterr().out
    for name in ("train", "val"):
        lines = (sound / f"{name}.txt").read_text().splitlines()
        assert sum("copy " in line or line.startswith("cat/0.png") for line in lines) in (0, 11)
