"""The page: its sentence at the top, its parts in order, in one file that fetches and runs nothing."""

from __future__ import annotations

from pathlib import Path

from ..weights.atomic import write_atomically
from . import pictures, sections
from .facts import ReportFacts
from .text import percent, text, thousands, time_of

__all__ = ["render", "write_report"]

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
"""

_PARTS = (
    sections.config,
    sections.data,
    sections.learning,
    sections.confusion,
    sections.classes,
    sections.confidence,
    pictures.mistakes,
    pictures.looked_at,
    sections.timing,
    sections.environment,
)


def write_report(path: Path, *, facts: ReportFacts) -> None:
    """Writes the report of a run, one HTML file of at most 3 MB. Raises OutputError where that is not possible."""
    write_atomically(path, render(facts).encode("utf-8", "replace"))


def render(facts: ReportFacts) -> str:
    """The whole page as HTML."""
    style = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    head = _HEAD.format(title=text(facts.title), style=style)
    top = f'<h1>{text(facts.title)}</h1>\n<p class="lead">{_sentence(facts)}</p>\n{sections.about(facts)}\n'
    body = "".join(part(facts) for part in _PARTS)
    foot = "<footer>Written by cvp. This page is one file and loads nothing.</footer>\n</body>\n</html>\n"
    return f"{head}{top}{body}{foot}"


def _sentence(facts: ReportFacts) -> str:
    """The result, in words."""
    trained = []
    if facts.history:
        count = len(facts.history)
        trained.append(f"after {count} epoch{'s' if count != 1 else ''}")
    if facts.timing.seconds is not None:
        trained.append(f"in {time_of(facts.timing.seconds)}")
    after = f" {' '.join(trained)}" if trained else ""
    if facts.evaluation is not None:
        return (
            f"<b>{percent(facts.evaluation.top1)}</b> of {thousands(facts.evaluation.samples)} {text(facts.split)} "
            f"pictures are named right{after}."
        )
    if facts.history:
        return f"<b>{percent(facts.history[-1].train_accuracy)}</b> of the training pictures are named right{after}."
    return "Nothing has been measured."
