"""A folder of hostile pictures: nothing hangs or crashes, no label moves to another, and all that is bad is told."""

from __future__ import annotations

import faulthandler
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hostile import SOUND, fuzzed, noise, odd
from PIL import Image

from cvp_cli.main import main
from cvp_core.data import FileSet, open_data, open_image
from cvp_core.data.loading import make_loader
from cvp_core.errors import DataError, ImageError
from cvp_core.spec import Preprocess

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL")

CLASSES = ("ant", "bee", "cow")
SIZE = Preprocess((24, 32), None)


@pytest.fixture(autouse=True)
def _no_hanging() -> Iterator[None]:
    """Where reading never ends, the traces of all threads and the end: no other test could be run any more."""
    faulthandler.dump_traceback_later(300, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of sound PNG files, among which the hostile ones are dealt out."""
    root = tmp_path_factory.mktemp("hostile") / "d"
    for label, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True)
        for number in range(SOUND):
            noise(1000 + 10 * label + number).save(root / name / f"sound {number}.png")
    for number, (name, content) in enumerate([*odd().items(), *fuzzed()]):
        (root / CLASSES[number % len(CLASSES)] / name).write_bytes(content)
    return root


def fault_of(path: str) -> str:
    """Why a picture cannot be read, "" if it can."""
    try:
        return "" if open_image(path).mode == "RGB" else "no picture"
    except ImageError as error:
        return str(error)


@pytest.fixture(scope="module")
def bad(folder: Path) -> set[str]:
    """What `open_image` refuses, all of it with an ImageError of one line."""
    faults = {str(path): fault_of(str(path)) for path in sorted(folder.rglob("*.*"))}
    assert not any("\n" in fault for fault in faults.values())
    return {path for path, fault in faults.items() if fault}


def test_there_are_as_many_of_each_kind_and_both_outcomes(folder: Path, bad: set[str]) -> None:
    assert len(list(folder.rglob("*.*"))) == 3 * SOUND + 11 + 6 * 20
    names = {Path(path).name for path in bad}
    assert {"truncated.jpg", "empty.jpg", "text.jpg", "bomb.png"} <= names
    fine = {"cmyk.jpg", "deep.png", "clear.png", "moving.gif", "turned.jpg", "鸟类.png", "really a png.jpg"}
    assert not names & {*fine, *(f"sound {number}.png" for number in range(SOUND))}
    assert 40 < len(bad) < 120


def test_training_reads_what_verify_calls_readable_and_nothing_else(folder: Path, bad: set[str]) -> None:
    images = open_data(folder).train
    assert isinstance(images, FileSet)
    refused = set()
    for index in range(len(images)):
        loader = make_loader(images.subset([index]), SIZE, 1, is_training=True, augment="light")
        try:
            ((pixels, labels),) = loader.epoch(0)
        except DataError as error:
            refused.add((images.path(index), str(error).partition(": ")[0]))
        else:
            assert tuple(pixels.shape) == (1, 24, 32, 3)
            assert CLASSES[int(labels)] == Path(images.path(index)).parent.name
    assert refused == {(path, path) for path in bad}


def test_verify_names_exactly_the_bad_ones(
    folder: Path, bad: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "cache"))
    for _ in range(2):  # the second time from what is known
        assert main(["data", "verify", str(folder), "--json"]) == 2
        findings = {each["kind"]: each for each in json.loads(capsys.readouterr().out)["findings"]}
        told = {
            name for kind in ("unreadable", "truncated") for case in findings[kind]["cases"] for name in case["names"]
        }
        assert told == bad


def test_what_is_left_after_fixing_trains_under_its_own_labels(
    folder: Path, bad: set[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "d"
    for path in folder.rglob("*.*"):
        (root / path.parent.name).mkdir(parents=True, exist_ok=True)
        (root / path.parent.name / path.name).write_bytes(path.read_bytes())
    main(["data", "verify", str(root), "--fix", "--json"])
    assert json.loads(capsys.readouterr().out)["moved"] >= len(bad)
    images = open_data(root).train
    expected = {}
    for label in range(3):
        for number in range(SOUND):
            pixels = noise(1000 + 10 * label + number).resize((32, 24), Image.Resampling.BILINEAR)
            expected[np.asarray(pixels).tobytes()] = label
    found = {}
    for pixels, labels in make_loader(images, SIZE, 16).epoch(0):
        for picture, label in zip(pixels, labels, strict=True):
            if (content := picture.numpy().tobytes()) in expected:
                found[content] = int(label)
    assert found == expected
