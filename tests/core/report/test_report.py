"""The report: one safe, private, bounded file in which every fact that was given can be read."""

from __future__ import annotations

import base64
import getpass
import io
import platform
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cvp_core
from cvp_core.data import ArraySet
from cvp_core.errors import OutputError
from cvp_core.evaluate import Evaluation
from cvp_core.report import ReportFacts, Timing, write_report
from cvp_core.report.text import short_name
from cvp_core.spec import Preprocess
from cvp_core.train import TrainConfig
from cvp_core.train.events import EpochResult

EVIL = "<script>alert(1)</script>"
CLASSES = ("Bananaquit", EVIL, 'quote" onload="x', "Cockatoo")
HISTORY = [
    EpochResult(epoch, 2 / epoch, 0.2 * epoch, 3 / epoch, 0.15 * epoch, 1e-3 / epoch, 10.0 * epoch, True)
    for epoch in (1, 2, 3)
]


def evaluated(classes: int, samples: int, right: float = 0.8) -> Evaluation:
    """Answers of which about `right` are correct, the same each time."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(samples) % classes
    others = torch.randint(0, classes, (samples,), generator=generator)
    is_right = torch.rand(samples, generator=generator) < right
    guesses = torch.where(is_right, labels, others)
    confidences = torch.rand(samples, generator=generator) / 2 + 0.5
    top1 = (guesses == labels).float().mean().item()
    return Evaluation(top1, 1.0, 0.5, samples, labels, guesses, confidences, classes)


def facts(classes: tuple[str, ...] = CLASSES, samples: int = 160, side: int = 32, **changes: object) -> ReportFacts:
    colours = np.random.default_rng(0).integers(0, 256, (samples, 1, 1, 3), dtype=np.uint8)
    pixels = np.broadcast_to(colours, (samples, side, side, 3))  # which JPEG keeps
    evaluation = evaluated(len(classes), samples)
    counts = {"train": [40] * len(classes), "validation": np.bincount(evaluation.labels, minlength=len(classes))}
    given = ReportFacts(
        title="oneconv-birds",
        classes=classes,
        counts=counts,
        about={"model": "oneconv (cvp-classic 0.1.0)"},
        config=TrainConfig("oneconv", "birds", epochs=3, learning_rate=0.0123),
        history=HISTORY,
        evaluation=evaluation,
        images=ArraySet(pixels, evaluation.labels.numpy()),
        timing=Timing(seconds=200.0, peak_memory_mb=1234.0, waiting=0.25),
        precision="float32",
    )
    return replace(given, **changes)


def page(tmp_path: Path, given: ReportFacts) -> str:
    write_report(tmp_path / "report.html", facts=given)
    return (tmp_path / "report.html").read_text(encoding="utf-8")


class Reader(HTMLParser):
    """All tags with their attributes, all text, and what was never closed."""

    VOID = frozenset({"meta", "img", "br", "link", "input", "path", "rect", "circle", "polyline"})

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(source)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        """In which every space, narrow ones too, is one plain space."""
        return " ".join(" ".join(self.texts).split())


def pictures(source: str) -> list[Image.Image]:
    found = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", source)
    return [Image.open(io.BytesIO(base64.b64decode(content))) for content in found]


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


def test_mistakes_are_pictures_with_guess_confidence_and_truth_the_most_confident_first(tmp_path: Path) -> None:
    given = facts()
    source = page(tmp_path, given)
    assert given.evaluation is not None
    assert given.images is not None
    evaluation = given.evaluation
    wrong = (evaluation.predictions != evaluation.labels).nonzero().flatten()
    worst = int(wrong[evaluation.confidences[wrong].argmax()])
    shown = Reader(source).text
    names = (given.classes[int(label[worst])] for label in (evaluation.predictions, evaluation.labels))
    guess, truth = names
    expected = f"{guess} {100 * evaluation.confidences[worst]:.0f} % is {truth} {given.images.name(worst)}"
    captions = shown[shown.index("then the truth.") :]
    assert captions[len("then the truth. ") :].startswith(expected)
    first = np.asarray(pictures(source)[0], dtype=float)
    assert abs(first - np.asarray(given.images.read(worst), dtype=float)).max() < 4


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[torch.Tensor]:
    """What Grad-CAM was asked, its maps being hot in the upper right corner alone."""
    import cvp_core.explain

    kept: list[torch.Tensor] = []

    def grad_cam(model: object, images: torch.Tensor, targets: torch.Tensor) -> np.ndarray:
        kept.extend((images, targets))
        maps = np.zeros((len(images), *images.shape[2:]), np.float32)
        maps[:, : images.shape[2] // 4, -images.shape[3] // 4 :] = 1
        return maps

    monkeypatch.setattr(cvp_core.explain, "grad_cam", grad_cam, raising=False)
    return kept


def with_model(side: int) -> dict[str, object]:
    model = cvp_core.create_model("oneconv", num_classes=4, image_size=(side, side))
    return {"model": model, "preprocess": Preprocess((side, side), side)}


def test_pictures_are_few_and_small(tmp_path: Path, asked: list[torch.Tensor]) -> None:
    given = facts(side=600, samples=64, evaluation=evaluated(4, 64, 0.2), **with_model(300))
    found = pictures(page(tmp_path, given))
    assert len(found) == 24
    assert max(max(picture.size) for picture in found) <= 224


def test_grad_cam_lies_over_the_pictures(tmp_path: Path, asked: list[torch.Tensor]) -> None:
    given = facts(**with_model(32))
    found = pictures(page(tmp_path, given))
    images, targets = asked
    assert images.shape == (3, 3, 32, 32)
    assert targets.shape == (3,)
    plain, hot = (np.asarray(picture, dtype=float) for picture in found[-2:])
    warmth = hot[..., 0] - hot[..., 2]
    assert warmth[:6, -6:].mean() > 60
    assert abs(warmth[16:]).mean() < 4  # grey
    assert abs(warmth[:, :16]).mean() < 4
    assert plain.shape == hot.shape


def test_where_grad_cam_fails_the_reason_stands_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import cvp_core.explain

    def fails(*arguments: object) -> np.ndarray:
        raise RuntimeError(f"no feature map {EVIL}")

    monkeypatch.setattr(cvp_core.explain, "grad_cam", fails, raising=False)
    source = page(tmp_path, facts(**with_model(32)))
    assert EVIL not in source
    assert f"Left out: no feature map {EVIL}" in Reader(source).text


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
