"""`cvp embed` and `cvp similar` at the terminal: what they write, what they print, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cvp_core
from cvp_cli.main import main
from cvp_core.embed import read_table

CLASSES = ("blue", "红")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights `net` in the store, data/{blue,红}/*.png; it is the working folder."""
    torch.manual_seed(0)
    model = cvp_core.create_model("shufflenet_v2_x0_5", num_classes=2)
    preprocess = cvp_core.Preprocess((32, 32), 32)
    cvp_core.save(tmp_path / "weights" / "net.safetensors", model, classes=CLASSES, preprocess=preprocess)
    generator = np.random.default_rng(0)
    for name, colour in (("blue", (40, 40, 200)), ("红", (200, 40, 40))):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(10):
            pixels = np.clip(generator.normal(colour, 30, (36, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{index}.png")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert main(list(arguments)) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "unexpected" not in message
    return message


def test_pictures_go_into_a_file_that_similar_searches(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["embed", "net", "data", "-o", "out/f.safetensors"]) == 0
    screen = capsys.readouterr().out
    for part in (
        "net (cvp-shufflenet/shufflenet_v2_x0_5)",
        "pictures: 20",
        "1024 numbers a picture",
        "cvp similar out/",
    ):
        assert part in screen
    assert len(read_table(Path("out/f.safetensors"))) == 20
    assert main(["similar", "out/f.safetensors", "data/红/3.png", "--top", "4", "--json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)
    assert answer["path"] == "data/红/3.png"
    assert [Path(one["path"]).parent.name for one in answer["neighbours"]] == ["红"] * 4
    assert all(one["label"] is None for one in answer["neighbours"])
    values = [one["similarity"] for one in answer["neighbours"]]
    assert values == sorted(values, reverse=True)
    assert 0 < values[0] < 1


def test_a_data_set_keeps_its_classes_and_is_drawn_as_a_map(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["embed", "net", "--data", "data", "--split", "all", "--map", "map.png", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["pictures"], document["width"], document["map"]) == (20, 1024, "map.png")
    assert document["classes"] == ["blue", "红"]
    table = read_table(Path(document["features"]))
    assert document["features"] == "net-features.safetensors"
    assert [table.label(row) for row in range(20)] == [Path(path).parent.name for path in table.paths]
    with Image.open("map.png") as picture:
        assert min(picture.size) > 800


def test_a_split_is_the_one_of_training(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {}
    for split in ("auto", "train", "val", "all"):
        assert main(["embed", "net", "--data", "data", "--split", split, "--json"]) == 0
        sizes[split] = json.loads(capsys.readouterr().out)["pictures"]
    assert sizes == {"auto": 4, "val": 4, "train": 16, "all": 20}


def test_similar_prints_a_table_and_draws_a_page(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["embed", "net", "--data", "data", "--split", "all", "-o", "f.safetensors"]) == 0
    capsys.readouterr()
    Image.new("RGB", (50, 50), (220, 20, 20)).save("query.png")
    assert main(["similar", "f.safetensors", "query.png", "data/blue/0.png", "--top", "2", "-o", "page.png"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split() == ["IMAGE", "SIMILARITY", "CLASS", "NEIGHBOUR"]
    assert len(lines) == 6
    assert lines[1].split()[0] == "query.png"
    assert lines[3].split()[::2] == ["data/blue/0.png", "blue"]
    assert lines[-1] == "look  page.png"
    assert "2 images" in captured.err
    assert Image.open("page.png").height > 300


def test_unreadable_pictures_are_told_and_the_others_are_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.jpg").write_bytes(b"no")
    assert main(["embed", "net", "broken.jpg", "data/blue/*.png", "-o", "f.safetensors", "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("cannot read broken.jpg: not a picture")
    document = json.loads(captured.out)
    assert document["pictures"] == 10
    assert [row["path"] for row in document["unreadable"]] == ["broken.jpg"]
    assert main(["similar", "f.safetensors", "broken.jpg", "data/blue/0.png", "--json"]) == 2
    first, second = json.loads(capsys.readouterr().out)
    assert first["error"].startswith("not a picture")
    assert len(second["neighbours"]) == 5
    assert main(["similar", "f.safetensors", "broken.jpg", "-o", "page.png"]) == 2
    assert not Path("page.png").exists()
    assert main(["embed", "net", "broken.jpg", "-o", "none.safetensors"]) == 2
    assert "none of the 1 pictures could be read" in capsys.readouterr().err
    assert not Path("none.safetensors").exists()


def test_mistakes_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["embed", "net", "data", "-o", "f.safetensors"]) == 0
    assert "and not both" in failure(capsys, "embed", "net")
    assert "and not both" in failure(capsys, "embed", "net", "data", "--data", "data")
    assert "--split goes with --data" in failure(capsys, "embed", "net", "data", "--split", "val")
    assert "must end with .png, .svg or .pdf" in failure(capsys, "embed", "net", "data", "--map", "map.jpg")
    assert ".safetensors or .parquet" in failure(capsys, "embed", "net", "data", "-o", "f.npy")
    assert "No pictures in the folder" in failure(capsys, "embed", "net", "weights")
    assert "split 'dev' is not one of" in failure(capsys, "embed", "net", "--data", "data", "--split", "dev")
    assert "no weights 'nte'" in failure(capsys, "embed", "nte", "data")
    assert "holds the weights of a network" in failure(capsys, "similar", "weights/net.safetensors", "data")
    assert "not there; `cvp embed` writes" in failure(capsys, "similar", "g.safetensors", "data")
    Path("weights/net.safetensors").unlink()
    Image.new("RGB", (50, 50)).save("query.png")
    assert "--checkpoint FILE" in failure(capsys, "similar", "f.safetensors", "query.png")
    assert main(["similar", "f.safetensors", "data/blue/0.png"]) == 0
