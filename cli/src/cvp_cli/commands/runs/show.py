"""`cvp runs show`: one run, its settings, its epochs and what there is to look at."""

from __future__ import annotations

import math
from collections.abc import Sequence

import click

from ...options import json_option
from .options import runs_dir_option

__all__ = ["command", "sparkline"]

_LEVELS = "▁▂▃▄▅▆▇█"
_WIDEST = 60


@click.command("show")
@click.argument("run")
@runs_dir_option
@json_option
def command(run: str, runs_dir: str, as_json: bool) -> None:
    """Show RUN: a run folder, its name below --runs-dir, or `last`.

    \b
    cvp runs show last
    cvp runs show densenet121-birds
    """
    import dataclasses
    from pathlib import Path

    from cvp_core.train import TrainConfig
    from cvp_core.train.history import find_run

    from ...output import counted, format_seconds, print_facts, print_json, print_table
    from .options import best_accuracy, planned_epochs, run_json

    found = find_run(run, Path(runs_dir).expanduser())
    best = found.best
    if as_json:
        history = [dataclasses.asdict(result) for result in found.history]
        files = [str(path) for path in found.files]
        print_json({**run_json(found), "config": found.config, "history": history, "files": files})
        return
    usual = {field.name: field.default for field in dataclasses.fields(TrainConfig)}
    settings: tuple[list[str], list[str]] = ([], [])
    for name, value in found.config.items():
        if name not in ("model", "data"):
            shown = f"{name} {value:.6g}" if isinstance(value, float) else f"{name} {value}"
            settings[value == usual.get(name)].append(shown)
    at_work = f", {format_seconds(found.seconds)}" if found.history else ""
    print_facts(
        {
            "run": str(found.path),
            "model": str(found.config.get("model", "")),
            "data": str(found.config.get("data", "")),
            "state": f"{found.state}, epochs {planned_epochs(found)}{at_work}",
            "best": f"epoch {best.epoch}, accuracy {best_accuracy(found)}" if best else "",
            "settings": "\n".join(_lines(settings[False])),
            "default": "\n".join(_lines(settings[True])),
        }
    )
    if found.history:
        click.echo()
        rows = [
            (
                str(each.epoch),
                *(f"{loss:.4f}" if math.isfinite(loss) else "-" for loss in (each.train_loss, each.val_loss)),
                *(f"{each:.1%}" if math.isfinite(each) else "-" for each in (each.train_accuracy, each.val_accuracy)),
                f"{each.learning_rate:.1e}",
                format_seconds(each.seconds),
                "*" if each.is_best else "",
            )
            for each in found.history
        ]
        columns = ("EPOCH", "TRAIN LOSS", "VAL LOSS", "TRAIN ACC", "VAL ACC", "RATE", "TIME", "BEST")
        print_table(columns, rows, right=columns[:-1])
        accuracies = [each.val_accuracy for each in found.history]
        line = sparkline(accuracies)
        if line:
            finite = [value for value in accuracies if math.isfinite(value)]
            click.echo(f"\nvalidation accuracy  {line}  {min(finite):.1%} to {max(finite):.1%}")
    click.echo()
    look = "\n".join(str(path) for path in found.files if path.suffix in (".html", ".md", ".png"))
    kept = str(found.weights) if found.weights else f"none: {counted(len(found.history), 'epoch')} over"
    resume = f"cvp train --resume {found.path}" if found.state in ("interrupted", "unknown") else ""
    print_facts({"look": look, "weights": kept, "next": resume})


def sparkline(values: Sequence[float]) -> str:
    """Eight heights from the least to the greatest value; a gap for nan, "" where none is finite.

    Of more values than fit on a line, the means of as many neighbours as it takes.
    """
    size = -(-len(values) // _WIDEST) or 1
    groups = [[each for each in values[at : at + size] if math.isfinite(each)] for at in range(0, len(values), size)]
    means = [sum(group) / len(group) if group else math.nan for group in groups]
    finite = [mean for mean in means if math.isfinite(mean)]
    if not finite:
        return ""
    low, spread = min(finite), max(finite) - min(finite)
    marks = []
    for mean in means:
        share = (mean - low) / spread if spread else 1.0
        marks.append(_LEVELS[round(share * (len(_LEVELS) - 1))] if math.isfinite(mean) else " ")
    return "".join(marks)


def _lines(items: Sequence[str], width: int = 88) -> list[str]:
    """Items with commas between them, in lines of at most `width` characters."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + len(item) + 2 <= width:
            lines[-1] += f", {item}"
        else:
            lines.append(item)
    return lines
