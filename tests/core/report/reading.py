"""A report of made-up facts, and what can be read in it."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cvp_core.data import ArraySet
from cvp_core.evaluate import Evaluation
from cvp_core.report import ReportFacts, Timing, write_report
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
