"""The parts of a report in words, tables and diagrams, each "" where its facts are missing."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np

from ..scores import calibration, class_scores, confused_pairs, macro_f1, row_shares
from ..train.config import TrainConfig
from .environment import describe_environment
from .facts import ReportFacts
from .figures import Series, confusion_matrix, curves, reliability
from .pictures import heat_map
from .text import percent, section, table, text, thousands, time_of

__all__ = ["about", "classes", "confidence", "config", "confusion", "data", "environment", "learning", "timing"]

_MOST_DRAWN = 25  # classes beyond which a matrix with numbers cannot be read
_MOST_MAPPED = 500
_MOST_ROWS = 200


def about(facts: ReportFacts) -> str:
    """What was trained, in a few lines."""
    lines = [(text(name), text(value)) for name, value in facts.about.items() if value]
    return table(("", ""), lines, kind="facts") if lines else ""


def config(facts: ReportFacts) -> str:
    """The settings that differ from the defaults, then the others."""
    if facts.config is None:
        return ""
    changed, others = [], []
    for field in dataclasses.fields(TrainConfig):
        value = getattr(facts.config, field.name)
        has_default = field.default is not dataclasses.MISSING
        row = (f'<span class="mono">{field.name}</span>', _setting(value))
        if not has_default or value != field.default:
            changed.append((*row, f'<span class="soft">{_setting(field.default)}</span>' if has_default else ""))
        else:
            others.append(row)
    rest = f"<details><summary>{len(others)} settings as they are by default</summary>\n"
    return section(
        "Settings",
        table(("setting", "value", "default"), changed),
        rest + table(("setting", "value"), others) + "</details>",
    )


def data(facts: ReportFacts) -> str:
    """How many pictures of each class each split has; for many classes a summary."""
    if not facts.counts:
        return ""
    counts = {name: np.asarray(each) for name, each in facts.counts.items()}
    totals = [(text(name), thousands(int(each.sum()))) for name, each in counts.items()]
    if len(facts.classes) <= _MOST_DRAWN:
        rows = [
            (text(name, 80), *(thousands(int(each[index])) for each in counts.values()))
            for index, name in enumerate(facts.classes)
        ]
        rows.append(("<b>all</b>", *(f"<b>{total}</b>" for _, total in totals)))
        columns = [name for name, _ in totals]
        return section("Data", table(("class", *columns), rows, right=columns))
    rows = []
    for (name, total), each in zip(totals, counts.values(), strict=True):
        rows.append((name, total, *(thousands(value) for value in (each.min(), np.median(each), each.max()))))
    columns = ["pictures", "fewest of a class", "median", "most"]
    note = f"<p>{thousands(len(facts.classes))} classes.</p>"
    return section("Data", note, table(("split", *columns), rows, right=columns))


def learning(facts: ReportFacts) -> str:
    """Loss, accuracy and learning rate by epoch."""
    history = facts.history
    if not history:
        return ""
    epochs = [result.epoch for result in history]
    best = next((result for result in reversed(history) if result.is_best), None)
    marked = best.epoch if best else None

    def both(what: str) -> list[Series]:
        sides = (("train", "training"), ("val", facts.split if facts.split != "test" else "validation"))
        return [Series(side, label, [getattr(each, f"{side}_{what}") for each in history]) for side, label in sides]

    rates = [Series("train", "learning rate", [each.learning_rate for each in history])]
    panels = (
        ("Loss", curves(epochs, both("loss"), lambda value: f"{value:.4g}", best=marked)),
        ("Accuracy", curves(epochs, both("accuracy"), lambda value: f"{100 * value:.4g} %", best=marked)),
        ("Learning rate", curves(epochs, rates, lambda value: f"{value:.3g}")),
    )
    figures = [f"<figure><figcaption>{name}</figcaption>{svg}</figure>" for name, svg in panels if svg]
    note = ""
    if best is not None and math.isfinite(best.val_accuracy):
        note = (
            f"<p>Best: epoch {best.epoch} of {history[-1].epoch}, validation accuracy "
            f"<b>{percent(best.val_accuracy)}</b>, loss {best.val_loss:.4f}.</p>"
        )
    return section("Learning", note, f'<div class="row">{"".join(figures)}</div>')


def confusion(facts: ReportFacts) -> str:
    """Which classes are taken for which: a matrix with numbers, or for many classes a map and the worst pairs."""
    evaluation = facts.evaluation
    if evaluation is None:
        return ""
    heading = "Confusion"
    if len(facts.classes) <= _MOST_DRAWN:
        note = '<p class="soft">Rows are the truth, columns the answer; colour is the share of the row.</p>'
        matrix = confusion_matrix(evaluation.confusion().numpy(), facts.classes)
        return section(heading, note, matrix)
    pairs = [
        (text(facts.classes[pair.truth], 60), text(facts.classes[pair.guess], 60), str(pair.count), percent(pair.share))
        for pair in confused_pairs(evaluation.labels, evaluation.predictions)
    ]
    columns = ("truth", "taken for", "pictures", "of its class")
    listed = table(columns, pairs, right=columns[2:]) if pairs else "<p>No picture was mistaken.</p>"
    drawn = ""
    if len(facts.classes) <= _MOST_MAPPED:
        counts = evaluation.confusion().numpy()
        drawn = heat_map(row_shares(counts))
        drawn = f"<figure>{drawn}<figcaption>A pixel a pair: down the truth, across the answer.</figcaption></figure>"
    return section(heading, f'<div class="row"><figure>{listed}</figure>{drawn}</div>')


def classes(facts: ReportFacts) -> str:
    """Precision, recall and F1 of each class, the worst first."""
    evaluation = facts.evaluation
    if evaluation is None:
        return ""
    scores = class_scores(evaluation.labels, evaluation.predictions, len(facts.classes))
    ordered = sorted(scores, key=lambda score: (score.f1 != score.f1, score.f1, facts.classes[score.index]))
    left_out = max(0, len(ordered) - _MOST_ROWS)
    kept = ordered if not left_out else [*ordered[: _MOST_ROWS - 50], *ordered[-50:]]
    rows = []
    for score in kept:
        width = 0.0 if score.f1 != score.f1 else 100 * score.f1
        rows.append(
            (
                text(facts.classes[score.index], 80),
                f'<span class="bar"><i style="width:{width:.1f}%"></i></span> {percent(score.f1)}',
                percent(score.precision),
                percent(score.recall),
                thousands(score.support),
            )
        )
    cut = f" {thousands(left_out)} classes in the middle are left out." if left_out else ""
    note = f'<p class="soft">The worst first. Each class counted alike, F1 is {percent(macro_f1(scores))}.{cut}</p>'
    columns = ("class", "F1", "precision", "recall", "pictures")
    return section("Classes", note, table(columns, rows, right=columns[2:], kind="wide"))


def confidence(facts: ReportFacts) -> str:
    """Whether answers with 80 % confidence are right 80 % of the time."""
    evaluation = facts.evaluation
    if evaluation is None:
        return ""
    measured = calibration(evaluation.confidences, evaluation.predictions == evaluation.labels)
    mean = float(np.asarray(evaluation.confidences, dtype=np.float64).mean())
    lean = "more" if mean > evaluation.top1 else "less"
    words = (
        f"<p>Expected calibration error <b>{percent(measured.ece)}</b> "
        f"({len(measured.bins)} bins, {thousands(evaluation.samples)} pictures).</p>\n"
        f"<p>On average it claims {percent(mean)} and is right in {percent(evaluation.top1)}: "
        f"{lean} confident than right.</p>\n"
        '<p class="soft">Bars that end below the dashed line are answers that were too sure of themselves.</p>'
    )
    return section(
        "Confidence", f'<div class="row beside"><figure>{reliability(measured)}</figure><figure>{words}</figure></div>'
    )


def timing(facts: ReportFacts) -> str:
    """How long it took and what for."""
    took = facts.timing
    epochs = sorted(each.seconds for each in facts.history if math.isfinite(each.seconds))
    spent, waited = sum(epochs), sum(each.waited for each in facts.history)
    speed, note = took.images_per_s, ""
    if speed is None and spent and "train" in facts.counts:
        speed, note = len(epochs) * int(np.sum(facts.counts["train"])) / spent, ", validation included"
    waiting = waited / spent if took.waiting is None and waited and spent else took.waiting
    rows = {
        "all in all": time_of(took.seconds) if took.seconds is not None else "",
        "an epoch": f"{time_of(float(np.median(epochs)))} (median of {len(epochs)})" if epochs else "",
        "training": f"{speed:,.4g} pictures/s{note}" if speed is not None else "",
        "waiting for data": f"{percent(waiting)} of the time" if waiting is not None else "",
        "most memory": f"{thousands(took.peak_memory_mb)} MB" if took.peak_memory_mb else "",
    }
    lines = [(name, value) for name, value in rows.items() if value]
    return section("Time and memory", table(("", ""), lines, kind="facts")) if lines else ""


def environment(facts: ReportFacts) -> str:
    """What is needed to repeat the run."""
    found = {**describe_environment(facts.device, facts.precision, facts.plugins), **facts.environment}
    lines = [(text(name), text(value)) for name, value in found.items() if value]
    return section("Environment", table(("", ""), lines, kind="facts"))


def _setting(value: Any) -> str:
    if value is None:
        return '<span class="soft">–</span>'
    parts = value if isinstance(value, tuple) else (value,)
    shown = ", ".join(f"{each:.6g}" if isinstance(each, float) else str(each) for each in parts)
    return f'<span class="mono">{text(shown)}</span>'
