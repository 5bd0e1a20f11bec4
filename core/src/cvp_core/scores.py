"""What one accuracy hides: each class by itself, which ones are mixed up, whether confidence can be believed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

__all__ = [
    "Bin",
    "Calibration",
    "ClassScore",
    "Confusion",
    "calibration",
    "class_scores",
    "confused_pairs",
    "macro_f1",
    "row_shares",
]


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One class. precision, recall and f1 are shares of 1, nan where nothing was there to be divided.

    support: pictures of it. predicted: pictures that were taken for it. hits: both.
    """

    index: int
    support: int
    predicted: int
    hits: int

    @property
    def precision(self) -> float:
        return self.hits / self.predicted if self.predicted else float("nan")

    @property
    def recall(self) -> float:
        return self.hits / self.support if self.support else float("nan")

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall, also where one of them is not defined."""
        pictures = self.support + self.predicted
        return 2 * self.hits / pictures if pictures else float("nan")


@dataclass(frozen=True, slots=True)
class Confusion:
    """`count` pictures of class `truth` that were taken for `guess`; share: of all pictures of `truth`."""

    truth: int
    guess: int
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Bin:
    """Answers with a confidence in (low, high]; confidence and accuracy are their means, nan if there is none."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """ece: the mean distance between confidence and accuracy, a share of 1. bins: from no confidence to full."""

    ece: float
    bins: tuple[Bin, ...]


def class_scores(labels: ArrayLike, predictions: ArrayLike, classes: int) -> list[ClassScore]:
    """A score for each of `classes`, by index. labels, predictions: integers (N), a tensor on the CPU too."""
    truth, guess = np.asarray(labels), np.asarray(predictions)
    support = np.bincount(truth, minlength=classes)
    predicted = np.bincount(guess, minlength=classes)
    hits = np.bincount(truth[truth == guess], minlength=classes)
    counts = zip(support.tolist(), predicted.tolist(), hits.tolist(), strict=True)
    return [ClassScore(index, *each) for index, each in enumerate(counts)]


def macro_f1(scores: list[ClassScore]) -> float:
    """The mean F1 of the classes that have one, each counted alike; nan if none has."""
    values = [score.f1 for score in scores if score.f1 == score.f1]
    return sum(values) / len(values) if values else float("nan")


def confused_pairs(labels: ArrayLike, predictions: ArrayLike, most: int = 20) -> list[Confusion]:
    """The pairs of classes that are mixed up most often, of equal ones the rarer class first.

    Needs no matrix, so that a thousand classes cost no more than their mistakes.
    """
    truth, guess = np.asarray(labels, dtype=np.int64), np.asarray(predictions, dtype=np.int64)
    wrong = truth != guess
    if not wrong.any():
        return []
    support = np.bincount(truth)
    pairs, counts = np.unique(np.stack([truth[wrong], guess[wrong]]), axis=1, return_counts=True)
    found = [
        Confusion(true, guessed, count, count / int(support[true]))
        for true, guessed, count in zip(*pairs.tolist(), counts.tolist(), strict=True)
    ]
    return sorted(found, key=lambda pair: (-pair.count, -pair.share, pair.truth, pair.guess))[:most]


def row_shares(counts: np.ndarray) -> np.ndarray:
    """A confusion matrix (classes, classes) as shares of each row's pictures, 0 in a row without any."""
    shares: np.ndarray = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return shares


def calibration(confidences: ArrayLike, hits: ArrayLike, bins: int = 15) -> Calibration:
    """The expected calibration error over bins of equal width (Guo et al. 2017, eq. 3, arXiv:1706.04599).

    confidences: the probability of each prediction, 0..1 (N). hits: whether it was right, bool (N).
    The error is nan without predictions.
    """
    confidence = np.asarray(confidences, dtype=np.float64)
    right = np.asarray(hits, dtype=np.float64)
    place = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    with np.errstate(invalid="ignore"):
        means = np.bincount(place, confidence, bins) / counts
        accuracies = np.bincount(place, right, bins) / counts
    gaps = np.where(counts > 0, np.abs(means - accuracies), 0.0)
    ece = float((gaps * counts).sum() / counts.sum()) if len(confidence) else float("nan")
    rows = zip(counts.tolist(), means.tolist(), accuracies.tolist(), strict=True)
    return Calibration(ece, tuple(Bin(row / bins, (row + 1) / bins, *each) for row, each in enumerate(rows)))
