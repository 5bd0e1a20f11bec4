"""What training asks before it starts: are these splits known to be spoilt, and, where it must not be, are they?"""

from __future__ import annotations

from ...errors import DataError
from ..sources import DataSplits
from .examine import examine, known_findings
from .findings import Report
from .scan import OnProgress

__all__ = ["refuse_spoilt", "warnings_of"]

_FATAL = ("unreadable", "truncated", "leakage")
_SAID = {
    "unreadable": "unreadable",
    "truncated": "cut off",
    "leakage": "the same in two splits",
    "label-conflict": "the same in two classes",
}


def warnings_of(splits: DataSplits) -> tuple[str, ...]:
    """One sentence if an earlier check of these very pictures found errors, else none. Opens no picture."""
    report = known_findings(splits)
    if report is None or report.is_sound:
        return ()
    return (f"an earlier check found {_told(report, tuple(_SAID))}: see `cvp data verify`",)


def refuse_spoilt(splits: DataSplits, workers: int | None = None, on_progress: OnProgress | None = None) -> None:
    """Reads what is not known yet. Raises DataError where pictures cannot be read or are the same in two splits."""
    report = examine(splits, workers, on_progress).report(has_near=False)
    if any(report.count(kind) for kind in _FATAL):
        drawn = "; `cvp data split --group-duplicates` keeps copies on one side" if report.count("leakage") else ""
        raise DataError(
            f"{splits.location}: {_told(report, _FATAL)}; `cvp data verify` lists them, --fix sets them aside{drawn}"
        )


def _told(report: Report, kinds: tuple[str, ...]) -> str:
    found = [(report.count(kind), kind) for kind in kinds if report.count(kind)]
    first = next(finding for finding in report.findings if finding.kind == found[0][1]).cases[0]
    parts = ", ".join(f"{count:,} {_SAID[kind]}" for count, kind in found)
    return f"of {report.pictures:,} pictures {parts} (such as {' = '.join(first.names[:2])})"
