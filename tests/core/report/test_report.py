"""The report: one safe, private, bounded file in which every fact that was given can be read."""

from __future__ import annotations

import getpass
import platform
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from core.report.reading import EVIL, HISTORY, Reader, evaluated, facts, page, pictures

from cvp_core.data import ArraySet
from cvp_core.errors import OutputError
from cvp_core.evaluate import Evaluation
from cvp_core.report import ReportFacts, write_report
from cvp_core.report.text import short_name
from cvp_core.train import TrainConfig


def test_it_needs_nothing_outside_of_itself_and_runs_nothing(tmp_path: Path) -> None:
    source = page(tmp_path, facts())
    reader = Reader(source)
    assert not {"script", "link", "iframe", "object", "base"} & {tag for tag, _ in reader.tags}
    for _tag, attributes in reader.tags:
        assert not [name for name in attributes if name.startswith("on") or name in ("href", "srcset")]
        assert (attributes.get("src") or "data:image/").startswith("data:image/")
    assert not re.search(r"https?://|@import|url\(", source)
    policies = [found["content"] for tag, found in reader.tags if tag == "meta" and "http-equiv" in found]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]


def test_every_tag_is_closed_and_the_diagrams_are_well_formed(tmp_path: Path) -> None:
    source = page(tmp_path, facts())
    assert Reader(source).open == []
    diagrams = re.findall(r"<svg.*?</svg>", source, re.DOTALL)
    assert len(diagrams) == 5  # loss, accuracy, learning rate, confusion, reliability
    for diagram in diagrams:
        ET.fromstring(diagram)


def test_class_names_are_shown_and_never_read_as_html(tmp_path: Path) -> None:
    source = page(tmp_path, facts(title=EVIL, about={EVIL: EVIL}))
    assert EVIL not in source
    reader = Reader(source)
    assert reader.text.count(EVIL) >= 5
    assert 'quote" onload="x' in reader.text


def test_the_sentence_and_the_sections_hold_what_was_given(tmp_path: Path) -> None:
    given = facts()
    assert given.evaluation is not None
    shown = Reader(page(tmp_path, given)).text
    share = f"{100 * given.evaluation.top1:.1f} %"
    assert f"{share} of 160 validation pictures are named right after 3 epochs in 3 min 20 s" in shown
    headings = ("Settings", "Data", "Learning", "Confusion", "Classes", "Confidence", "Mistakes", "Time and memory")
    places = [shown.index(heading) for heading in headings]
    assert places == sorted(places)
    for fact in ("Best: epoch 3 of 3", "20.0 s (median of 3)", "25.0 %", "1 234 MB", "Python", "torch 2."):
        assert fact in shown


def test_settings_that_differ_from_the_defaults_come_before_the_others(tmp_path: Path) -> None:
    shown = Reader(page(tmp_path, facts())).text
    first, rest = shown[shown.index("Settings") :].split("settings as they are by default")
    assert "learning_rate 0.0123 0.001" in first
    assert "weight_decay" not in first
    assert "weight_decay 0.05" in rest


def test_classes_are_sorted_by_f1_from_the_worst(tmp_path: Path) -> None:
    labels = torch.tensor([0] * 10 + [1] * 10 + [2] * 10)
    guesses = torch.tensor([0] * 10 + [1] * 4 + [2] * 6 + [2] * 10)
    evaluation = Evaluation(0.8, 1.0, 0.5, 30, labels, guesses, torch.full((30,), 0.9), 3)
    given = facts(classes=("sure", "poor", "greedy"), evaluation=evaluation, images=None, counts={})
    shown = Reader(page(tmp_path, given)).text
    shown = shown[shown.index("Classes") : shown.index("Confidence")]
    # By hand: poor 2*4/(10+4), greedy 2*10/(10+16), sure 1.
    assert re.findall(r"(poor|greedy|sure) (\d+\.\d) %", shown) == [
        ("poor", "57.1"),
        ("greedy", "76.9"),
        ("sure", "100.0"),
    ]


def test_many_classes_give_the_worst_pairs_instead_of_a_matrix(tmp_path: Path) -> None:
    names = tuple(f"class {index}" for index in range(100))
    labels = torch.arange(1000) % 100
    guesses = torch.where(labels == 7, torch.tensor(9), labels)
    evaluation = Evaluation(0.99, 1.0, 0.1, 1000, labels, guesses, torch.full((1000,), 0.5), 100)
    counts = {"train": np.arange(100) + 1}
    shown = Reader(page(tmp_path, facts(classes=names, evaluation=evaluation, images=None, counts=counts))).text
    assert "truth taken for pictures of its class class 7 class 9 10 100.0 %" in shown
    assert "100 classes." in shown
    assert "train 5 050 1 50 100" in shown


def test_fifty_thousand_pictures_of_a_thousand_classes_stay_below_3_mb(tmp_path: Path) -> None:
    names = tuple(f"a class with a rather long name, number {index}" for index in range(1000))
    evaluation = evaluated(1000, 50_000)
    pixels = np.broadcast_to(np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), np.uint8), (50_000, 96, 96, 3))
    images = ArraySet(pixels, evaluation.labels.numpy())
    history = [replace(HISTORY[0], epoch=epoch) for epoch in range(1, 3001)]
    given = facts(classes=names, evaluation=evaluation, images=images, history=history)
    write_report(tmp_path / "report.html", facts=given)
    assert (tmp_path / "report.html").stat().st_size < 3_000_000
    assert len(pictures((tmp_path / "report.html").read_text())) <= 24


def test_neither_user_nor_host_nor_home_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "secret-name"))
    paths = (f"{tmp_path}/secret-name/birds", "/home/secret-name/birds", "/Users/secret-name/birds")
    for path in (*paths, "C:\\Users\\secret-name\\birds"):
        config = TrainConfig("oneconv", path, weights=path)
        shown = Reader(page(tmp_path, facts(config=config, about={"data": f"from {path}, 4 classes"}))).text
        assert "secret-name" not in shown
        assert re.search(r"data from ~[/\\]birds, 4 classes", shown)
    if len(platform.node()) > 3:
        assert platform.node() not in shown
    if len(getpass.getuser()) > 4:
        assert getpass.getuser() not in shown


def test_a_picture_right_in_a_home_folder_tells_no_user() -> None:
    assert short_name("/home/secret-name/x.jpg") == "~/x.jpg"
    assert short_name("/data/birds/Cockatoo/x.jpg") == "Cockatoo/x.jpg"


def test_a_path_that_only_resembles_a_home_stays(tmp_path: Path) -> None:
    shown = Reader(page(tmp_path, facts(about={"data": "/data/home/birds and /mnt/Users/x"}))).text
    assert "/data/home/birds and /mnt/Users/x" in shown


def test_a_run_without_validation_or_history_still_gets_a_page(tmp_path: Path) -> None:
    nan = float("nan")
    alone = [replace(result, val_loss=nan, val_accuracy=nan) for result in HISTORY]
    shown = Reader(page(tmp_path, facts(evaluation=None, images=None, history=alone))).text
    assert "60.0 % of the training pictures are named right after 3 epochs" in shown
    assert not re.search(r"\bnan\b", shown)
    bare = ReportFacts(title="bare", classes=("a", "b"))
    assert "Nothing has been measured." in Reader(page(tmp_path, bare)).text


def test_without_a_mistake_it_says_so(tmp_path: Path) -> None:
    shown = Reader(page(tmp_path, facts(evaluation=evaluated(4, 160, 1.0)))).text
    assert "None: all 160 pictures are right." in shown


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        write_report(tmp_path / "file" / "report.html", facts=facts())
