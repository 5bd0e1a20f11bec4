"""Words and numbers in HTML: escaped, without the user's name, with units."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

__all__ = ["percent", "private", "section", "short_name", "table", "text", "thousands", "time_of"]

_HOMES = re.compile(r"(?<![\w.-])(?:/home/|/Users/|[A-Za-z]:\\Users\\)[^/\\\s:]+")
_LONGEST = 300


def private(value: object) -> str:
    """`value` as text, with ~ in place of every user's home folder."""
    home = str(Path.home())
    found = re.sub(rf"(?<![\w.-]){re.escape(home)}(?=[/\\\s]|$)", "~", str(value)) if len(home) > 1 else str(value)
    return _HOMES.sub("~", found)


def text(value: object, longest: int = _LONGEST) -> str:
    """`value` for HTML, between tags and inside quotes: private, without control characters, cut, escaped."""
    shown = "".join(char if char.isprintable() else " " for char in private(value))
    return html.escape(shown if len(shown) <= longest else f"{shown[: longest - 1]}…")


def short_name(path: str) -> str:
    """The last two parts of a picture's path: which folder it is in tells its class, and no more is needed."""
    return "/".join(PurePath(private(path)).parts[-2:])


def percent(share: float, digits: int = 1) -> str:
    """0.971 as '97.1 %', nan as a dash."""
    return "–" if share != share else f"{100 * share:.{digits}f}\N{NARROW NO-BREAK SPACE}%"


def thousands(count: int | float) -> str:
    return f"{count:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def time_of(seconds: float) -> str:
    """19.84 as '19.8 s', 200 as '3 min 20 s', 3725 as '1 h 02 min'."""
    if seconds < 59.95:
        parts = [f"{seconds:.1f}", "s"]
    elif round(seconds) < 3600:
        parts = [f"{round(seconds) // 60}", "min", f"{round(seconds) % 60:02d}", "s"]
    else:
        minutes = round(seconds) // 60
        parts = [f"{minutes // 60}", "h", f"{minutes % 60:02d}", "min"]
    return "\N{NO-BREAK SPACE}".join(parts)


def section(heading: str, *parts: str) -> str:
    """A part of the page; "" where it has nothing to show."""
    body = "\n".join(part for part in parts if part)
    return f"<section>\n<h2>{heading}</h2>\n{body}\n</section>\n" if body else ""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[str] = (), kind: str = "") -> str:
    """Rows of cells that are HTML already. Columns named in `right` hold numbers; without any name there is no head."""
    numbers = set(right)
    marks = [' class="n"' if column in numbers else "" for column in columns]
    head = "".join(f"<th{mark}>{column}</th>" for mark, column in zip(marks, columns, strict=True))
    lines = [
        "<tr>" + "".join(f"<td{mark}>{cell}</td>" for mark, cell in zip(marks, row, strict=True)) + "</tr>"
        for row in rows
    ]
    body = "\n".join(lines)
    top = f"<thead><tr>{head}</tr></thead>\n" if any(columns) else ""
    return f'<table class="{kind}">\n{top}<tbody>\n{body}\n</tbody></table>'
