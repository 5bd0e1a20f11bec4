"""Weights for others: complete, without what is private, whole or not at all, and never over somebody else's files."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from safetensors.torch import load_file

import cvp_core
from cvp_cli.commands.weights.push import command
from cvp_core.errors import OutputError, WeightsError
from cvp_core.weights.format import save_tensors
from cvp_core.weights.header import read_header
from cvp_core.weights.push import check_folder, pack, push_to_folder
from cvp_core.weights.seal import is_intact

CLASSES = tuple("abc")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Weights in the store, with places of this machine in their header."""
    torch.manual_seed(0)
    path = tmp_path / "weights" / "lenet-shop.safetensors"
    training = {"data": "/home/secret-name/shop", "val_data": "/mnt/secret-name/val.txt", "seed": 3}
    model = cvp_core.create_model("lenet", num_classes=3)
    cvp_core.save(
        path, model, classes=CLASSES, metrics={"top1": 0.5}, training=training, parent="/x/secret-name/w.safetensors"
    )
    return path


def push(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_a_folder_gets_weights_card_and_config(file: Path, tmp_path: Path) -> None:
    assert push("lenet-shop", "--to", str(tmp_path / "shared" / "shop")).exit_code == 0
    folder = tmp_path / "shared" / "shop"
    assert {path.name for path in folder.parent.rglob("*") if path.is_file()} == {
        "README.md",
        "config.json",
        "model.safetensors",
    }
    config = json.loads((folder / "config.json").read_text())
    weights = (folder / "model.safetensors").read_bytes()
    assert config["weights"] == {
        "file": "model.safetensors",
        "sha256": hashlib.sha256(weights).hexdigest(),
        "bytes": len(weights),
    }
    assert (config["model"], config["classes"], config["name"]) == ("lenet", list(CLASSES), "lenet-shop")
    assert config["preprocess"]["size"] == [32, 32]
    assert "cvp predict model.safetensors photo.jpg" in (folder / "README.md").read_text()


def test_what_was_pushed_answers_as_what_was_trained(file: Path, tmp_path: Path) -> None:
    push_to_folder(pack("lenet-shop", ""), tmp_path / "shop")
    picture = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    first, second = (
        cvp_core.load(path).predict(picture)[0] for path in (file, tmp_path / "shop" / "model.safetensors")
    )
    assert first.guesses == second.guesses
    state = load_file(tmp_path / "shop" / "model.safetensors")
    assert all(torch.equal(tensor, state[name]) for name, tensor in load_file(file).items())


def test_where_files_lay_on_this_machine_is_told_nowhere(file: Path) -> None:
    package = pack("lenet-shop", "hf://me/shop")
    assert b"secret-name" in file.read_bytes()
    assert [name for name, content in package.files.items() if b"secret-name" in content] == []
    assert any("taken out" in note for note in package.notes)


def test_what_had_nothing_private_is_pushed_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "plain.safetensors"
    cvp_core.save(path, cvp_core.create_model("lenet"), classes=list("0123456789"), training={"data": "cifar10"})
    assert pack(path, "").files["model.safetensors"] == path.read_bytes()
    assert pack(path, "").sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_was_not_measured_leaves_the_config_json(tmp_path: Path) -> None:
    path = tmp_path / "plain.safetensors"
    cvp_core.save(
        path, cvp_core.create_model("lenet"), classes=list("0123456789"), metrics={"top1": float("nan"), "epoch": 1}
    )

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(pack(path, "").files["config.json"], parse_constant=refuse)["metrics"] == {"epoch": 1}


def test_a_seal_fits_the_header_without_private_paths(file: Path, tmp_path: Path) -> None:
    save_tensors(file, load_file(file), read_header(file))
    push_to_folder(pack("lenet-shop", ""), tmp_path / "shop")
    assert is_intact(tmp_path / "shop" / "model.safetensors")
    assert read_header(tmp_path / "shop" / "model.safetensors").training == {
        "data": "shop",
        "val_data": "val.txt",
        "seed": 3,
    }


def test_the_card_of_the_run_is_taken_with_what_was_added_by_hand(file: Path, tmp_path: Path) -> None:
    run = tmp_path / "runs" / "2026-01-02_03-04-05_lenet-shop"
    run.mkdir(parents=True)
    (run / "config.toml").write_text('model = "lenet"\ndata = "shop"\n')
    (run / "best.safetensors").write_bytes(file.read_bytes())
    (run / "MODEL_CARD.md").write_text("# mine\n\nBy hand.\n\n## Use\n\n    cvp predict lenet-shop photo.jpg\n")
    for name in ("lenet-shop", run):
        package = pack(name, "hf://me/shop", runs_dir=tmp_path / "runs")
        assert package.title == "lenet-shop"
        assert b"By hand." in package.files["README.md"]
        assert b"cvp predict hf://me/shop photo.jpg" in package.files["README.md"]
    (run / "best.safetensors").write_bytes(b"another")
    package = pack("lenet-shop", "", runs_dir=tmp_path / "runs")
    assert b"By hand." not in package.files["README.md"]
    assert any("only what the file says" in note for note in package.notes)


@pytest.mark.parametrize("step", ["rename", "link", "fsync"])
def test_an_interruption_leaves_nothing(step: str, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = pack("lenet-shop", "")
    (tmp_path / "shared").mkdir()

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        push_to_folder(package, tmp_path / "shared" / "shop")
    assert list((tmp_path / "shared").iterdir()) == []


def test_pushing_again_replaces_what_was_pushed_and_nothing_else(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "shop"
    push_to_folder(pack("lenet-shop", ""), folder)
    (folder / "LICENSE").write_text("mine")
    first = (folder / "config.json").read_bytes()
    cvp_core.save(file, cvp_core.create_model("lenet", num_classes=3), classes=CLASSES)
    push_to_folder(pack("lenet-shop", ""), folder)
    assert (folder / "config.json").read_bytes() != first
    assert (folder / "LICENSE").read_text() == "mine"
    assert len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("name, content", [("README.md", "my project"), ("config.json", '{"library_name": "timm"}')])
def test_somebody_elses_files_are_not_written_over(name: str, content: str, file: Path, tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / name).write_text(content)
    with pytest.raises(OutputError, match=rf"holds {name} that cvp did not push; choose an empty"):
        push_to_folder(pack("lenet-shop", ""), tmp_path / "project")
    assert [path.read_text() for path in (tmp_path / "project").iterdir()] == [content]
    with pytest.raises(OutputError, match="is a file"):
        check_folder(tmp_path / "project" / name)


def test_a_dry_run_shows_the_card_and_writes_nothing(file: Path, tmp_path: Path) -> None:
    shown = push("lenet-shop", "--to", str(tmp_path / "shop"), "--dry-run")
    assert shown.exit_code == 0
    assert "library_name: cvp" in shown.output
    assert "would push" in shown.output
    assert not (tmp_path / "shop").exists()
    hub = push("lenet-shop", "--to", "hf://me/shop", "--dry-run", "--json")  # with nobody logged in
    assert json.loads(hub.stdout)["url"] == "hf://me/shop"


def test_json_has_the_files_and_the_hash(file: Path, tmp_path: Path) -> None:
    document = json.loads(push("lenet-shop", "--to", str(tmp_path / "shop"), "--json").stdout)
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "shop").iterdir()}
    assert {entry["name"]: entry["bytes"] for entry in document["files"]} == sizes
    assert document["sha256"] == hashlib.sha256((tmp_path / "shop" / "model.safetensors").read_bytes()).hexdigest()


def test_what_cannot_be_pushed_is_told(file: Path, tmp_path: Path) -> None:
    assert isinstance(push("lenet-shpo", "--to", str(tmp_path / "shop")).exception, WeightsError)
    assert isinstance(push("lenet-shop", "--to", "hf://me").exception, WeightsError)
    assert "names a file" in push("lenet-shop", "--to", "hf://me/shop/other.safetensors").output
    assert "--private is for the hub" in push("lenet-shop", "--to", str(tmp_path / "shop"), "--private").output
    (tmp_path / "artifact.cvp").mkdir()
    (tmp_path / "artifact.cvp" / "manifest.json").write_text("{}")
    with pytest.raises(WeightsError, match="is an artifact"):
        pack(tmp_path / "artifact.cvp", "")
