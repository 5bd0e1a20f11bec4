"""`cvp data shard` at the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from cvp_cli.main import main


@pytest.fixture
def pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "cache"))
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for index in range(4):
            Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / "pets" / name / f"{index}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "pets"


def test_what_was_written_is_told_with_what_to_do_next(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "shard", "pets/", "-o", "shards", "--size", "5k"]) == 0
    screen = capsys.readouterr()
    assert screen.out.splitlines()[0].startswith("shards   shards (8 pictures in 3 shards, ")
    assert screen.out.splitlines()[1] == "next     cvp train densenet --data shards"
    assert screen.err == ""
    assert main(["data", "info", "./shards", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["splits"] == {"train": [4, 4]}


def test_run_again_it_says_what_was_there_and_completes_the_rest(
    pets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "shard", "./pets", "-o", "shards", "--size", "5k", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert first.keys() == {"folder", "shards", "kept", "pictures", "bytes"}
    Path("shards/train-000001.tar").unlink()
    assert main(["data", "shard", "./pets", "-o", "shards", "--size", "5k"]) == 0
    assert "(8 pictures in 3 shards, 2 of them from before, " in capsys.readouterr().out


def test_a_folder_with_other_shards_is_a_mistake_in_one_line(pets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "shard", "./pets", "-o", "shards", "--size", "5k"]) == 0
    assert main(["data", "shard", "./pets", "-o", "shards"]) == 2
    assert "Error: shards holds 3 shards of other pictures" in capsys.readouterr().err


def test_sharding_imports_no_torch(pets: Path) -> None:
    run = "from cvp_cli.main import main; assert main(['data', 'shard', './pets', '-o', 'shards']) == 0"
    check = "import sys; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", f"{run}; {check}"], check=True, cwd=pets.parent)
