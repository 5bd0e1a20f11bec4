"""The manifest of shipped weights: written by measuring, read back, and every way in which a file is not the one."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvp_core.errors import WeightsError
from cvp_core.train import plan, train
from cvp_core.weights.manifest import Entry, check_entry, measure, read_manifest, write_manifest

ENTRY = Entry("a", "linear", "shades", "val", 8, 0.75, "cvp train linear", "0" * 64, 100, "0.1.0")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one net, whose run lies beside it."""
    folder = tmp_path_factory.mktemp("store")
    generator = np.random.default_rng(0)
    for name, level in (("dull", 90), ("bright", 160)):
        (folder / "shades" / name).mkdir(parents=True)
        for index in range(20):
            pixels = np.clip(generator.normal(level, 60, (8, 8, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "shades" / name / f"{index}.png")
    given = {"model": "linear", "data": str(folder / "shades"), "image_size": 8, "epochs": 2}
    train(plan(given, runs_dir=folder / "runs", store=folder))
    return folder


def test_what_is_written_is_read_back_by_name(tmp_path: Path) -> None:
    entries = {"b": replace(ENTRY, name="b"), "a": ENTRY}
    write_manifest(tmp_path, entries)
    assert read_manifest(tmp_path) == entries
    assert list(json.loads((tmp_path / "manifest.json").read_text())["weights"]) == ["a", "b"]
    assert read_manifest(tmp_path / "none") == {}


def test_an_entry_is_measured_and_says_how_to_train_it_again(store: Path) -> None:
    import cvp_core
    from cvp_core.data import open_data
    from cvp_core.evaluate import evaluate, pick_split
    from cvp_core.weights.store import SUFFIX

    entry = measure("linear-shades", store, runs_dir=store / "runs")
    path = store / f"linear-shades{SUFFIX}"
    assert (entry.model, entry.data, entry.split, entry.samples) == ("linear", "shades", "val", 8)
    assert (entry.sha256, entry.bytes) == (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
    assert entry.command == "cvp train linear --data ./shades --epochs 2 --image-size 8 --precision float32"
    splits = open_data(str(store / "shades"))
    images = pick_split(splits, "val", seed=0, val_fraction=0.2)[1]
    assert entry.top1 == pytest.approx(evaluate(cvp_core.load(path), images, splits.classes).top1)
    assert check_entry(store, entry) == ""


def test_without_its_run_the_command_must_be_given(store: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="say by which command it was trained"):
        measure("linear-shades", store, runs_dir=tmp_path)
    assert measure("linear-shades", store, "by hand", tmp_path).command == "by hand"


def test_a_file_that_is_missing_cut_or_changed_is_told(tmp_path: Path) -> None:
    content = b"weights" * 10
    entry = replace(ENTRY, sha256=hashlib.sha256(content).hexdigest(), bytes=len(content))
    assert check_entry(tmp_path, entry) == "is missing"
    (tmp_path / "a.safetensors").write_bytes(content)
    assert check_entry(tmp_path, entry) == ""
    (tmp_path / "a.safetensors").write_bytes(content[:-1])
    assert check_entry(tmp_path, entry) == "has 69 bytes instead of 70"
    (tmp_path / "a.safetensors").write_bytes(b"W" + content[1:])
    assert check_entry(tmp_path, entry).startswith("has the hash ")


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format_version": 1}', '{"format_version": 1, "weights": {"a": {"top1": 1}}}']
)
def test_what_is_no_manifest_is_told_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(WeightsError, match="is no manifest of weights") as caught:
        read_manifest(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_newer_manifest_asks_for_a_newer_core(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text('{"format_version": 2, "weights": {}}')
    with pytest.raises(WeightsError, match="upgrade cvp-core"):
        read_manifest(tmp_path)
