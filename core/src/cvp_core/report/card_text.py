"""Words, numbers and tables in a card's Markdown: without the user's name, and with nothing that could be markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .text import private

__all__ = ["code", "number", "percent", "rows", "words"]

# An underscore within a word is none to Markdown.
_MARKUP = re.compile(r"[\\`*\[\]<>|]|(?<![^\W_])_|_(?![^\W_])")


def words(value: object) -> str:
    """`value` as text in a sentence or a cell."""
    return _MARKUP.sub(lambda found: f"\\{found[0]}", _line(value))


def code(value: object) -> str:
    """`value` in an indented line or between backticks."""
    return _line(value).replace("`", "'")


def percent(share: float) -> str:
    """0.971 as '97.1 %', nan as a dash."""
    return "-" if share != share else f"{100 * share:.1f} %"


def number(count: float) -> str:
    """231411712 as '231 M'."""
    for limit, unit in ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= limit:
            return f"{count / limit:.3g}{unit}"
    return f"{count:g}"


def rows(columns: Sequence[str], lines: Iterable[Sequence[str]], numbers: Iterable[str] = ()) -> str:
    """A table of cells that are Markdown already; columns in `numbers` are set to the right."""
    right = set(numbers)
    marks = ["---:" if column in right else "---" for column in columns]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (columns, marks, *lines))


def _line(value: object) -> str:
    return "".join(char if char.isprintable() else " " for char in private(value))
