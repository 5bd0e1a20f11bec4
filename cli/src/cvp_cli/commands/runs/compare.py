"""`cvp runs compare`: several runs in one picture, and what made the difference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from ...options import json_option
from .options import runs_dir_option

if TYPE_CHECKING:
    from cvp_core.train.history import Run

__all__ = ["command"]


@click.command("compare")
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@click.option("-o", "--output", type=click.Path(dir_okay=False), default="compare.png", show_default=True, help="PNG.")
@runs_dir_option
@json_option
def command(runs: tuple[str, ...], output: str, runs_dir: str, as_json: bool) -> None:
    """Draw the curves of several runs and list the settings that differ, with the best results.

    Each RUN is a run folder, its name below --runs-dir, or `last`.

    \b
    cvp runs compare last 2026-11-22_10-31-07_densenet121-birds
    """
    from pathlib import Path

    from cvp_core.errors import UserError
    from cvp_core.train.history import find_run
    from cvp_core.train.plots import plot_comparison
    from cvp_core.weights.atomic import make_folder

    from ...output import format_seconds, print_json, print_table
    from .options import best_accuracy, planned_epochs, run_json

    found = {run.path.resolve(): run for run in (find_run(name, Path(runs_dir).expanduser()) for name in runs)}
    if len(found) < 2:
        raise UserError(f"{' and '.join(runs)} is one run; give at least two (`cvp runs list` shows all)")
    chosen = list(found.values())
    labels = _labels(chosen)
    differing = _differing(chosen)
    path = Path(output).expanduser()
    make_folder(path.parent)
    plot_comparison([(label, run.history) for label, run in zip(labels, chosen, strict=True)], path)
    if as_json:
        settings = {name: [run.config.get(name) for run in chosen] for name in differing}
        print_json({"runs": [run_json(run) for run in chosen], "differing": settings, "picture": str(path)})
        return
    rows = [(name, *(_shown(run.config.get(name)) for run in chosen)) for name in differing]
    rows += [
        ("epochs", *map(planned_epochs, chosen)),
        ("best accuracy", *map(best_accuracy, chosen)),
        ("in epoch", *(str(run.best.epoch) if run.best else "-" for run in chosen)),
        ("validation loss then", *(f"{run.best.val_loss:.4f}" if run.best else "-" for run in chosen)),
        ("time", *(format_seconds(run.seconds) for run in chosen)),
        ("state", *(run.state for run in chosen)),
    ]
    print_table(("", *labels), rows)
    click.echo(f"\n{path}")


def _differing(runs: Sequence[Run]) -> list[str]:
    """The settings, besides the count of epochs, that are not the same in all runs."""
    names = dict.fromkeys(name for run in runs for name in run.config)
    return [
        name for name in names if name != "epochs" and any(r.config.get(name) != runs[0].config.get(name) for r in runs)
    ]


def _labels(runs: Sequence[Run]) -> list[str]:
    """The shortest names that tell the runs apart: titles, else folders, else paths."""
    for labels in ([run.title for run in runs], [run.name for run in runs]):
        if len(set(labels)) == len(labels):
            return labels
    return [str(run.path) for run in runs]


def _shown(value: object) -> str:
    return "-" if value is None else str(value)
