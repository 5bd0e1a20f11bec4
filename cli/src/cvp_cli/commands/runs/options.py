"""What the commands on runs share: where run folders are, and a run as JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from cvp_core.train.history import Run

__all__ = ["best_accuracy", "planned_epochs", "run_json", "runs_dir_option"]

runs_dir_option = click.option(
    "--runs-dir",
    type=click.Path(file_okay=False),
    default="runs",
    show_default=True,
    help="Where the run folders are.",
)


def run_json(run: Run) -> dict[str, Any]:
    """The facts of a run in one line of its table."""
    best = run.best
    return {
        "run": str(run.path),
        "model": run.config.get("model"),
        "data": run.config.get("data"),
        "epochs": len(run.history),
        "planned_epochs": run.epochs,
        "best_epoch": best.epoch if best else None,
        "top1": best.val_accuracy if best else None,
        "state": run.state,
        "seconds": round(run.seconds, 2),
        "weights": str(run.weights) if run.weights else None,
    }


def planned_epochs(run: Run) -> str:
    """'8' for a run that did what was planned, '3/8' for one that did not or is at it."""
    done = str(len(run.history))
    return done if run.epochs in (None, len(run.history)) else f"{done}/{run.epochs}"


def best_accuracy(run: Run) -> str:
    """On the validation pictures; where there are none, on those of training."""
    from ...output import format_percent

    best = run.best
    if best is None:
        return "-"
    if math.isfinite(best.val_accuracy):
        return format_percent(best.val_accuracy)
    return f"{format_percent(best.train_accuracy)} (training)"
