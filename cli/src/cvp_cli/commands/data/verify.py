"""`cvp data verify`: whether a data set is sound, and setting aside what spoils it."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

import click

from ...options import data_argument, json_option

if TYPE_CHECKING:
    from cvp_core.data import DataSplits
    from cvp_core.data.check import Case, Report
    from cvp_core.data.check.scan import OnProgress

__all__ = ["command"]

_SHOWN = 3  # cases of a kind in the table; --json has them all
_NAMES = 3  # of a group of copies


@click.command("verify")
@data_argument()
@click.option("--fix", is_flag=True, help="Move what is unreadable and surplus copies to DATA.quarantine/.")
@click.option("--undo", is_flag=True, help="Put back all that --fix moved.")
@click.option("--workers", type=click.IntRange(min=1), help="Threads that read pictures; one a processor if not given.")
@json_option
def command(data: str, fix: bool, undo: bool, workers: int | None, as_json: bool) -> int:
    """Read every picture of DATA and report what would stop or spoil training.

    Exits with 2 if there is such a thing, with 0 if all is well or there are only warnings. A second check reads only
    what is new or has changed. --fix moves files, it deletes none: what cannot be read, and of identical pictures all
    but one a class, of those in several splits all that are not in test, else in val.

    \b
    cvp data verify birds
    cvp data verify ~/pictures --fix
    """
    if fix and undo:
        raise click.UsageError("--fix and --undo exclude each other")
    if undo:
        return _undo(data, as_json)
    from cvp_core.data import open_data
    from cvp_core.data.check import examine

    from ...bar import pictures_bar
    from ...output import print_json

    splits = open_data(data)
    moved = 0
    with pictures_bar("reading") as show:
        if fix:
            moved = _fix(splits, data, workers, show)
            splits = open_data(data) if moved else splits
        report = examine(splits, workers, show).report()
    if as_json:
        print_json({**report.to_json(), **({"moved": moved} if fix else {})})
    else:
        _print(report)
    return 0 if report.is_sound else 2


def _fix(splits: DataSplits, data: str, workers: int | None, show: OnProgress) -> int:
    from cvp_core.data.check import examine
    from cvp_core.data.check.quarantine import quarantine_of, set_aside
    from cvp_core.data.check.strays import plain_folder
    from cvp_core.data.check.surplus import surplus
    from cvp_core.errors import DataError

    from ...output import counted, say

    folder = plain_folder(splits)
    if folder is None:
        raise DataError(
            f"--fix moves files, and {splits.location} is no folder of pictures; "
            "give the folder itself, or unpack the archive into one"
        )
    moved = set_aside(folder, surplus(examine(splits, workers, show)))
    if moved:
        place = f"{counted(moved, 'file')} moved to {quarantine_of(folder)}"
        say(f"{place}, with why in its manifest.jsonl; `cvp data verify {shlex.quote(data)} --undo` puts all back")
    return moved


def _undo(data: str, as_json: bool) -> int:
    from pathlib import Path

    from cvp_core.data.check.quarantine import quarantine_of, restore
    from cvp_core.errors import DataError

    from ...output import counted, print_json, say

    folder = Path(data).expanduser()
    if not folder.is_dir():
        raise DataError(f"--undo needs the folder that --fix was given; '{data}' is none")
    restored = restore(folder)
    if as_json:
        print_json({"restored": restored.moved, "left": restored.left})
    else:
        click.echo(f"{counted(restored.moved, 'file')} put back")
    for path in restored.left:
        say(f"left in {quarantine_of(folder)}: {path} is there again; move one of the two and run it again")
    return 2 if restored.left else 0


def _print(report: Report) -> None:
    from ...output import counted, print_facts, print_table

    rows = []
    for finding in report.findings:
        for number, case in enumerate(finding.cases[:_SHOWN]):
            head = (finding.kind, finding.severity, f"{finding.count:,}") if number == 0 else ("", "", "")
            rows.append((*head, _told(case, report.location)))
    if rows:
        print_table(("FINDING", "SEVERITY", "COUNT", "FIRST"), rows, right=("COUNT",))
        click.echo()
        print_facts({finding.kind: finding.advice for finding in report.findings})
        click.echo()
    errors, warnings = report.of("error"), report.of("warning")
    verdict = f"{counted(len(errors), 'kind')} of error" if errors else "sound"
    verdict += f", {counted(len(warnings), 'kind')} of warning" if warnings else ""
    read = f"{report.fresh:,} read, the others known from before" if report.fresh < report.pictures else "all read"
    click.echo(f"{report.name}: {counted(report.pictures, 'picture')} ({read}): {verdict}")


def _told(case: Case, location: str) -> str:
    prefix = location.rstrip(os.sep) + os.sep
    names = " = ".join(name.removeprefix(prefix) for name in case.names[:_NAMES])
    more = f" and {len(case.names) - _NAMES} more" if len(case.names) > _NAMES else ""
    return f"{names}{more}" + (f": {case.note}" if case.note else "")
