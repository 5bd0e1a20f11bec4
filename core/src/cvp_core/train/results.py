"""What a run leaves behind: its best weights, how good they are, and what there is to look at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..data import ImageSet
from .events import EpochResult
from .runs import RunFolder

if TYPE_CHECKING:
    from ..evaluate import Evaluation
    from ..network import ImageClassifier
    from ..report import Timing
    from .planning import Plan

__all__ = ["draw", "evaluate_best", "save_best"]


def save_best(path: Path, plan: Plan, model: ImageClassifier, metrics: dict[str, Any]) -> None:
    from ..weights.format import make_header, save_tensors

    config = plan.config
    training = {
        "data": config.data,
        **({"val_data": config.val_data} if config.val_data else {}),
        "seed": config.seed,
        "val_fraction": config.val_fraction,
        "epochs": config.epochs,
        "precision": plan.precision,
    }
    header = make_header(plan.model, plan.splits.classes, plan.preprocess, metrics, training, config.weights or "")
    save_tensors(path, model.state_dict(), header)


def evaluate_best(plan: Plan, run: RunFolder, device: torch.device, images: ImageSet | None) -> Evaluation | None:
    """The best weights, read back from the file that is published, on these pictures."""
    from ..data.loading import Normalise
    from ..evaluate import evaluate_loader
    from ..weights.format import load_model
    from .feeding import evaluation_loader

    loader = evaluation_loader(plan, images)
    if loader is None:
        return None
    model, _ = load_model(run.best_weights)
    return evaluate_loader(model.to(device), loader, Normalise(plan.preprocess, device))


def draw(
    plan: Plan,
    run: RunFolder,
    history: Sequence[EpochResult],
    val: Evaluation | None,
    test: Evaluation | None,
    timing: Timing,
) -> list[Path]:
    """The plots, the report and the model card, of the test pictures where there are such; what was written."""
    from ..report import report_run
    from ..report.card import CARD, card_run
    from ..weights.format import load_model
    from .plots import plot_confusion, plot_curves, plot_mistakes, plot_reliability

    plot_curves(history, plan.title, run.path / "curves.png")
    shown, images, which = (test, plan.splits.test, "test") if test else (val, plan.splits.val, "validation")
    report = run.path / "report.html"
    if shown is not None and images is not None:
        title = f"{plan.title}, {which}"
        plot_confusion(shown, plan.splits.classes, title, run.path / "confusion.png")
        plot_reliability(shown, title, run.path / "reliability.png")
        plot_mistakes(shown, images, plan.splits.classes, run.path / "mistakes.png")
        model = load_model(run.best_weights)[0]
        report_run(plan, report, history, shown, images, which, model=model, timing=timing)
    else:
        report_run(plan, report, history, timing=timing)
    card_run(plan, run.path, history, shown, which, timing.seconds)
    names = ("report.html", CARD, "curves.png", "confusion.png", "reliability.png", "mistakes.png", "metrics.csv")
    return [run.path / name for name in names if (run.path / name).is_file()]
