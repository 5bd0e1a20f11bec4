"""Scores of single classes and of confidence, against scikit-learn, torchmetrics and sums by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import precision_recall_fscore_support
from torchmetrics.functional.classification import multiclass_calibration_error

from cvp_core.scores import calibration, class_scores, confused_pairs, macro_f1


def answers(classes: int = 7, samples: int = 500) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions, half of them right; the last class has no picture and nobody is taken for the first."""
    generator = np.random.default_rng(0)
    labels = generator.integers(0, classes - 1, samples)
    guesses = np.where(generator.random(samples) < 0.5, labels, generator.integers(1, classes, samples))
    return labels, np.maximum(guesses, 1)


def test_precision_recall_and_f1_of_each_class_are_those_of_scikit_learn() -> None:
    labels, guesses = answers()
    precision, recall, f1, support = precision_recall_fscore_support(
        labels, guesses, labels=range(7), zero_division=np.nan
    )
    scores = class_scores(labels, guesses, 7)
    np.testing.assert_allclose([score.precision for score in scores], precision)
    np.testing.assert_allclose([score.recall for score in scores], recall)
    np.testing.assert_allclose([score.f1 for score in scores], f1)
    assert [score.support for score in scores] == support.tolist()
    assert macro_f1(scores) == pytest.approx(np.nanmean(f1))


def test_a_class_that_nobody_has_or_guesses_has_no_score() -> None:
    scores = class_scores([0, 0, 1], [0, 1, 1], 4)
    assert (scores[0].precision, scores[0].recall) == (1.0, 0.5)
    assert scores[0].f1 == pytest.approx(2 / 3)
    assert all(math.isnan(value) for value in (scores[3].precision, scores[3].recall, scores[3].f1))
    assert macro_f1(scores) == pytest.approx(2 / 3)


def test_scores_take_tensors() -> None:
    labels, guesses = answers()
    assert class_scores(torch.from_numpy(labels), torch.from_numpy(guesses), 7) == class_scores(labels, guesses, 7)


def test_confused_pairs_are_the_greatest_entries_beside_the_diagonal() -> None:
    labels, guesses = answers()
    matrix = np.zeros((7, 7), int)
    np.add.at(matrix, (labels, guesses), 1)
    np.fill_diagonal(matrix, 0)
    pairs = confused_pairs(labels, guesses, most=100)
    assert {(pair.truth, pair.guess): pair.count for pair in pairs} == {
        (int(row), int(column)): int(matrix[row, column]) for row, column in np.argwhere(matrix)
    }
    assert [pair.count for pair in pairs] == sorted((pair.count for pair in pairs), reverse=True)
    assert pairs[0].share == pytest.approx(pairs[0].count / (labels == pairs[0].truth).sum())
    assert confused_pairs(labels, guesses, most=3) == pairs[:3]
    assert confused_pairs([0, 1], [0, 1]) == []


def test_calibration_error_by_hand() -> None:
    # Ten answers at 0.8 of which six are right, ten at 0.4 of which four are: (10 * 0.2 + 10 * 0.0) / 20.
    confidences = [0.8] * 10 + [0.4] * 10
    hits = [True] * 6 + [False] * 4 + [True] * 4 + [False] * 6
    measured = calibration(confidences, hits, bins=5)
    assert measured.ece == pytest.approx(0.1)
    # Bins are (low, high], as in the paper: 0.8 lies in the fourth, 0.4 in the second.
    assert [one.count for one in measured.bins] == [0, 10, 0, 10, 0]
    assert measured.bins[3].accuracy == pytest.approx(0.6)
    assert measured.bins[3].confidence == pytest.approx(0.8)


def test_calibration_error_is_that_of_torchmetrics() -> None:
    torch.manual_seed(0)
    probabilities = (3 * torch.randn(400, 5)).softmax(1)
    labels = torch.randint(0, 5, (400,))
    confidences, guesses = probabilities.max(1)
    expected = multiclass_calibration_error(probabilities, labels, num_classes=5, n_bins=15, norm="l1")
    assert calibration(confidences, guesses == labels).ece == pytest.approx(expected.item(), abs=1e-6)


def test_full_and_no_confidence_fall_into_the_outer_bins() -> None:
    measured = calibration(np.array([0.0, 1.0], np.float32), [False, True])
    assert (measured.bins[0].count, measured.bins[-1].count) == (1, 1)
    assert measured.ece == 0
    assert math.isnan(calibration([], []).ece)
