"""The parts of a card that say how good the weights are, and how little of that is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..interval import wilson_interval
from ..scores import ClassScore, calibration, class_scores, confused_pairs
from .card_facts import CardFacts
from .card_text import percent, rows, words

if TYPE_CHECKING:
    from ..evaluate import Evaluation

__all__ = ["limits", "results"]

_MOST_CLASSES = 25
_WORST_CLASSES = 10
_MOST_PAIRS = 5
_FEW = 30  # pictures of a class, below which its recall is hardly known


def results(facts: CardFacts) -> str:
    """Accuracy with its interval, calibration, each class, and what is mixed up most."""
    evaluation = facts.evaluation
    if evaluation is None:
        return f"## Results\n\n{_of_the_header(facts)}"
    low, high = _interval(evaluation)
    measured = calibration(evaluation.confidences, evaluation.predictions == evaluation.labels)
    claimed = float(np.asarray(evaluation.confidences, dtype=np.float64).mean())
    lines = {"top-1 accuracy": f"{percent(evaluation.top1)} (95 % interval {_span(low, high)})"}
    if evaluation.classes > 5:
        lines["top-5 accuracy"] = percent(evaluation.top5)
    lines["cross-entropy"] = f"{evaluation.loss:.4f}"
    lines["calibration error (ECE)"] = (
        f"{percent(measured.ece)}; it claims {percent(claimed)} on average and is right in {percent(evaluation.top1)}"
    )
    scores = class_scores(evaluation.labels, evaluation.predictions, evaluation.classes)
    return "\n\n".join(
        part
        for part in (
            "## Results",
            f"On {evaluation.samples:,} {facts.split} pictures:",
            rows(("measure", "value"), lines.items()),
            _classes(facts, scores),
            _mistakes(evaluation, facts.header.classes),
        )
        if part
    )


def limits(facts: CardFacts) -> str:
    """In plain words, what the figures do not say."""
    evaluation, classes = facts.evaluation, facts.header.classes
    told = [
        f"It knows these {len(classes)} classes and nothing else: every picture gets one of them, whatever it shows.",
    ]
    if facts.data.is_synthetic:
        told.append("It was trained and measured on painted pictures; what it does on photographs is not known.")
    else:
        told.append("Pictures from elsewhere, with other cameras, light or framing, were not measured.")
    if evaluation is not None:
        low, high = _interval(evaluation)
        told.append(
            f"It was measured on {evaluation.samples:,} pictures: chance alone moves the accuracy by about "
            f"±{50 * (high - low):.1f} points (95 % Wilson interval: {_span(low, high)})."
        )
        if facts.split == "validation":
            told.append(
                "These pictures also chose the best epoch, so a little of the accuracy is luck; there was no test."
            )
        told += _rare(evaluation, classes)
    if facts.parent is not None and not facts.parent.licence:
        told.append("The licence of the weights that it began from is not known.")
    return "## Limits\n\n" + "\n".join(f"- {each}" for each in told)


def _of_the_header(facts: CardFacts) -> str:
    found = [
        f"{name} {percent(value)}"
        for key, name in (("top1", "top-1 accuracy"), ("top5", "top-5 accuracy"))
        if isinstance(value := facts.header.metrics.get(key), float) and math.isfinite(value)
    ]
    if not found:
        return "Nothing was measured."
    return f"As the file says: {', '.join(found)}. On how many pictures is not known here."


def _interval(evaluation: Evaluation) -> tuple[float, float]:
    return wilson_interval(int((evaluation.predictions == evaluation.labels).sum()), evaluation.samples)


def _classes(facts: CardFacts, scores: list[ClassScore]) -> str:
    """All classes with their pictures, or of many the worst."""
    shown, note = scores, ""
    if len(scores) > _MOST_CLASSES:
        known = [score for score in scores if score.f1 == score.f1]
        shown = sorted(known, key=lambda score: (score.f1, facts.header.classes[score.index]))[:_WORST_CLASSES]
        note = f"The worst {len(shown)} of {len(scores)} classes:\n\n"
    splits = list(facts.data.counts)
    lines = [
        (
            words(facts.header.classes[score.index]),
            *(f"{int(facts.data.counts[split][score.index]):,}" for split in splits),
            *map(percent, (score.precision, score.recall, score.f1)),
        )
        for score in shown
    ]
    columns = ("class", *splits, "precision", "recall", "F1")
    return note + rows(columns, lines, numbers=columns[1:])


def _mistakes(evaluation: Evaluation, classes: Sequence[str]) -> str:
    pairs = [
        f"{words(classes[pair.truth])} taken for {words(classes[pair.guess])} "
        f"({pair.count:,}, {percent(pair.share)} of its class)"
        for pair in confused_pairs(evaluation.labels, evaluation.predictions, _MOST_PAIRS)
    ]
    return f"Most frequent mistakes: {'; '.join(pairs)}." if pairs else "No picture was mistaken."


def _rare(evaluation: Evaluation, classes: Sequence[str]) -> list[str]:
    """The class with the fewest pictures, where they are too few to tell."""
    scores = class_scores(evaluation.labels, evaluation.predictions, evaluation.classes)
    rarest = min(scores, key=lambda score: score.support)
    if rarest.support >= _FEW:
        return []
    low, high = wilson_interval(rarest.hits, rarest.support)
    others = sum(score.support < _FEW for score in scores) - 1
    more = f" ({others} more classes have fewer than {_FEW})" if others else ""
    return [
        f"Only {rarest.support} of them show {words(classes[rarest.index])}, whose recall is "
        f"anywhere between {_span(low, high)}{more}."
    ]


def _span(low: float, high: float) -> str:
    return f"{100 * low:.1f} to {percent(high)}"
