"""What is found in a data set, and that a second look reads only what is new."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvp_core.data import ArraySet, DataSplits, FileSet, open_data
from cvp_core.data.check import Case, Report, examine, known_findings, scan
from cvp_core.data.check.cache import ReadingCache
from cvp_core.data.check.findings import KINDS
from cvp_core.data.check.reading import read_picture

Photos = Callable[[Path, dict[str, int | bytes]], Path]

SOUND: dict[str, int | bytes] = {f"{name}/{n}.png": 10 * k + n for k, name in enumerate("ab") for n in range(4)}


def cases(report: Report, kind: str, root: Path) -> list[tuple[str, ...]]:
    found = [finding for finding in report.findings if finding.kind == kind]
    return [tuple(os.path.relpath(name, root) for name in case.names) for one in found for case in one.cases]


def test_a_sound_data_set_has_no_findings(tmp_path: Path, photos: Photos) -> None:
    report = examine(open_data(photos(tmp_path / "d", SOUND))).report()
    assert report.is_sound
    assert (report.findings, report.pictures, report.fresh) == ((), 8, 8)


def test_identical_pictures_are_duplicates_conflicts_or_leaks_by_where_they_lie(tmp_path: Path, photos: Photos) -> None:
    root = photos(
        tmp_path / "d",
        {
            "train/cat/1.png": 1,
            "train/cat/2.png": 1,
            "train/cat/3.png": 3,
            "train/dog/1.png": 4,
            "train/dog/2.png": 5,
            "val/cat/1.png": 3,
            "val/dog/1.png": 6,
            "test/cat/1.png": 5,
            "train/dog/7.png": 7,
            "train/cat/7.png": 7,
        },
    )
    report = examine(open_data(root)).report()
    assert cases(report, "duplicate", root) == [("train/cat/1.png", "train/cat/2.png")]
    assert report.count("duplicate") == 1
    assert cases(report, "leakage", root) == [
        ("train/cat/3.png", "val/cat/1.png"),
        ("train/dog/2.png", "test/cat/1.png"),
    ]
    conflicts = [("train/cat/7.png", "train/dog/7.png"), ("train/dog/2.png", "test/cat/1.png")]
    assert sorted(cases(report, "label-conflict", root)) == conflicts
    assert not report.is_sound
    notes = {case.names: case.note for finding in report.findings for case in finding.cases}
    assert notes[tuple(str(root / name) for name in conflicts[1])] == "train dog = test cat"


def test_look_alikes_are_told_within_a_split_and_across(tmp_path: Path, photos: Photos, photo: Callable) -> None:
    root = photos(tmp_path / "d", {f"train/{name}": seed for name, seed in SOUND.items()} | {"val/b/9.png": 99})
    photo(2).save(root / "train" / "a" / "again.jpg", quality=80)
    photo(12).resize((60, 45)).save(root / "val" / "b" / "small.jpg", quality=80)
    report = examine(open_data(root)).report()
    assert cases(report, "near-duplicate", root) == [("train/a/2.png", "train/a/again.jpg")]
    assert cases(report, "near-leakage", root) == [("train/b/2.png", "val/b/small.jpg")]
    assert report.is_sound  # a warning and a note


def test_pictures_without_contrast_are_no_look_alikes(tmp_path: Path) -> None:
    for shade in range(4):
        (tmp_path / "d" / "ab"[shade % 2]).mkdir(parents=True, exist_ok=True)
        Image.new("L", (40, 40), 100 + shade).save(tmp_path / "d" / "ab"[shade % 2] / f"{shade}.png")
    assert examine(open_data(tmp_path / "d")).report().findings == ()


def test_files_classes_and_odd_pictures_are_reported_with_what_to_do(
    tmp_path: Path, photos: Photos, photo: Callable
) -> None:
    many = {f"train/a/{n}.png": n for n in range(40)}
    root = photos(
        tmp_path / "d",
        many
        | {
            "train/b/1.png": 131,
            "train/b/2.png": 132,
            "val/a/1.png": 133,
            "train/b/cut.jpg": b"",
            "train/b/.hidden.png": 140,
            "train/b/notes.txt": b"x",
            "README.md": b"x",
        },
    )
    photo(50).save(root / "train" / "a" / "x.jpg", "PNG")
    photo(51, (12, 40)).save(root / "train" / "a" / "y.png")
    photo(52).convert("CMYK").save(root / "train" / "a" / "z.jpg")
    report = examine(open_data(root)).report()
    expected = {
        "unreadable": [("train/b/cut.jpg",)],
        "imbalance": None,
        "empty-class": None,
        "tiny": [("train/a/y.png",)],
        "wrong-suffix": [("train/a/x.jpg",)],
        "odd-mode": [("train/a/z.jpg",)],
        "ignored-file": [("train/b/.hidden.png",), ("train/b/notes.txt",)],
    }
    assert [finding.kind for finding in report.findings] == list(expected)
    for kind, names in expected.items():
        assert names is None or cases(report, kind, root) == names, kind
    told = {finding.kind: finding.cases[0] for finding in report.findings}
    assert told["imbalance"].names == ("a", "b")
    assert told["imbalance"].note == "43 and 3 training pictures, 14 to 1"
    assert told["empty-class"] == Case(("b",), "in val")
    assert all(finding.advice for finding in report.findings)
    assert set(expected) <= set(KINDS)


def test_a_second_look_reads_only_what_is_new_or_has_changed(tmp_path: Path, photos: Photos) -> None:
    root = photos(tmp_path / "d", SOUND)
    first = examine(open_data(root)).report()
    assert examine(open_data(root)).report().fresh == 0
    photos(root, {"a/0.png": 77, "b/new.png": 78, "b/bad.jpg": b"x"})
    second = examine(open_data(root)).report()
    assert (first.fresh, second.fresh) == (8, 3)
    assert second.count("unreadable") == 1
    third = examine(open_data(root)).report()
    assert third.fresh == 0
    assert third.findings == second.findings  # with the reason


def test_lists_of_the_same_pictures_know_what_the_folder_knew(tmp_path: Path, photos: Photos) -> None:
    root = photos(tmp_path / "d", SOUND)
    examine(open_data(root))
    (root / "train.txt").write_text("".join(f"{name} {name[0]}\n" for name in SOUND))
    assert examine(open_data(root / "train.txt")).report().fresh == 0


def test_known_findings_are_those_of_an_earlier_look_at_all_pictures_or_none(tmp_path: Path, photos: Photos) -> None:
    root = photos(
        tmp_path / "d", {f"{split}/{name}": 1 for split in ("train", "val") for name in ("a/0.png", "b/0.png")}
    )
    assert known_findings(open_data(root)) is None
    found = examine(open_data(root)).report()
    known = known_findings(open_data(root))
    assert known is not None
    assert known.findings == found.findings
    assert known.count("leakage") == 4
    photos(root, {"val/a/1.png": 2})
    assert known_findings(open_data(root)) is None


def test_known_findings_opens_no_picture(tmp_path: Path, photos: Photos, monkeypatch: pytest.MonkeyPatch) -> None:
    splits = open_data(photos(tmp_path / "d", SOUND))
    examine(splits)
    monkeypatch.setattr(scan, "read_picture", None)
    monkeypatch.setattr("builtins.open", None)
    assert known_findings(splits) is not None


def test_an_interruption_keeps_what_was_read_and_drops_what_was_only_asked_for(
    tmp_path: Path, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = photos(tmp_path / "d", {f"{name}/{n}.png": n for name in "ab" for n in range(60)})
    ending, begun = threading.Event(), []

    class Pool(ThreadPoolExecutor):
        def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
            super().shutdown(wait=False, cancel_futures=cancel_futures)
            ending.set()
            super().shutdown(wait=True)

    def read(images: FileSet, index: int) -> tuple[np.ndarray, str]:
        begun.append(index)
        assert index < 30 or ending.wait(60)
        return read_picture(images, index)

    def stop(done: int, total: int) -> None:
        assert total == 120
        if done == 20:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(scan, "ThreadPoolExecutor", Pool)
        patch.setattr(scan, "read_picture", read)
        with pytest.raises(KeyboardInterrupt):
            examine(open_data(root), 2, stop)
    assert len(begun) <= 30 + 2
    assert examine(open_data(root)).report().fresh == 100


def test_a_damaged_or_unwritable_cache_costs_time_and_nothing_else(
    tmp_path: Path, photos: Photos, monkeypatch: pytest.MonkeyPatch
) -> None:
    splits = open_data(photos(tmp_path / "d", SOUND))
    path = ReadingCache().path
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no database" * 1000)
    assert [examine(splits).report().fresh for _ in range(2)] == [8, 0]
    with sqlite3.connect(path) as file:
        file.execute("UPDATE readings SET reading = x'00'")
    assert examine(splits).report().fresh == 8
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "d" / "a" / "0.png"))
    assert examine(splits).report().fresh == 8


def test_pictures_in_memory_are_examined_too() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 28, 28), dtype=np.uint8)
    pixels[5] = pixels[0]
    labels = [0, 1, 0, 1, 0, 1]
    splits = DataSplits("toy", ("a", "b"), ArraySet(pixels, labels), None, None, "memory")
    assert [case.names for case in examine(splits).report().findings[0].cases] == [("picture #0", "picture #5")]
    assert known_findings(splits) is None
