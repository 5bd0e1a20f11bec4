"""`cvp runs list`: the run folders, the newest first."""

from __future__ import annotations

import click

from ...options import json_option
from .options import runs_dir_option

__all__ = ["command"]


@click.command("list")
@runs_dir_option
@json_option
def command(runs_dir: str, as_json: bool) -> None:
    """List the training runs, the newest first.

    \b
    cvp runs list
    """
    from pathlib import Path

    from cvp_core.train.history import list_runs

    from ...output import counted, format_seconds, print_json, print_table, say
    from .options import best_accuracy, planned_epochs, run_json

    runs = list_runs(Path(runs_dir).expanduser())
    if as_json:
        print_json([run_json(run) for run in runs])
        return
    if not runs:
        say(f"no runs in {runs_dir}: `cvp train MODEL --data DATA` makes one")
        return
    rows = [
        (
            run.name,
            str(run.config.get("model", "-")),
            str(run.config.get("data", "-")),
            planned_epochs(run),
            best_accuracy(run),
            run.state,
            format_seconds(run.seconds) if run.history else "-",
        )
        for run in runs
    ]
    columns = ("RUN", "MODEL", "DATA", "EPOCHS", "BEST", "STATE", "TIME")
    print_table(columns, rows, right=("EPOCHS", "BEST", "TIME"))
    click.echo(f"{counted(len(runs), 'run')} in {runs_dir}; `cvp runs show last` shows the newest")
