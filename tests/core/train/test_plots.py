"""The pictures of runs: what must be seen in them, read back from matplotlib's figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

from cvp_core.errors import OutputError
from cvp_core.evaluate import Evaluation
from cvp_core.scores import calibration
from cvp_core.train import plots
from cvp_core.train.events import EpochResult


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures, instead of files."""
    kept: list[Figure] = []
    monkeypatch.setattr(plots, "_save", lambda figure, path: kept.append(figure))
    return kept


def history(epochs: int, *, val: Sequence[float] | None = None) -> list[EpochResult]:
    nan = float("nan")
    return [
        EpochResult(n + 1, 1.0, 0.5, 1.0, val[n] if val else nan, 0.001 * n, 1.0, True) for n in range(epochs)
    ]  # fmt: skip


def test_curves_show_loss_accuracy_and_the_learning_rate(drawn: list[Figure]) -> None:
    plots.plot_curves(history(3, val=[0.25, 0.5, 0.75]), "title", Path("x.png"))
    loss, accuracy, rate = drawn[0].axes
    assert [axes.get_ylabel() for axes in (loss, accuracy, rate)] == ["loss", "accuracy", "learning rate"]
    assert rate.lines[0].get_ydata() == pytest.approx([0, 0.001, 0.002])
    assert accuracy.lines[1].get_ydata() == pytest.approx([0.25, 0.5, 0.75])
    assert accuracy.get_title() == "best: 75.0% in epoch 3"


def test_curves_without_validation_claim_no_best(drawn: list[Figure]) -> None:
    plots.plot_curves(history(2), "title", Path("x.png"))
    assert drawn[0].axes[1].get_title() == ""


def test_reliability_bars_are_the_accuracies_of_the_bins(drawn: list[Figure]) -> None:
    torch.manual_seed(0)
    confidences, labels = torch.rand(300), torch.zeros(300, dtype=torch.int64)
    guesses = (torch.rand(300) > confidences).long()
    evaluation = Evaluation(0.5, 1.0, 1.0, 300, labels, guesses, confidences, 2)
    plots.plot_reliability(evaluation, "title", Path("x.png"))
    measured = calibration(confidences, guesses == labels)
    upper, lower = drawn[0].axes
    filled = [one for one in measured.bins if one.count]
    np.testing.assert_allclose([bar.get_height() for bar in upper.patches], [one.accuracy for one in filled])
    np.testing.assert_allclose([bar.get_height() for bar in lower.patches], [one.count for one in filled])
    np.testing.assert_allclose([bar.get_x() for bar in upper.patches], [one.low for one in filled])
    assert f"{measured.ece:.1%}" in upper.get_title()


def test_a_comparison_labels_each_run_at_its_end_without_overlap(drawn: list[Figure]) -> None:
    runs = [(f"run {index}", history(3, val=[0.2, 0.5, 0.7 + 0.001 * index])) for index in range(4)]
    plots.plot_comparison([*runs, ("no validation", history(2)), ("nothing yet", [])], Path("x.png"))
    accuracy = drawn[0].axes[1]
    places = {text.get_text(): text.xyann[1] for text in accuracy.texts}
    assert set(places) == {"run 0", "run 1", "run 2", "run 3", "no validation"}
    low, high = accuracy.get_ylim()
    assert np.diff(sorted(places.values())).min() > 0.05 * (high - low)
    assert places["run 0"] < places["run 3"]


def test_a_picture_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.png").mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*x\.png"):
        plots.plot_curves(history(1), "title", tmp_path / "x.png")
