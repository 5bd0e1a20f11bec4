"""How results look: tables, facts, JSON and numbers with units. Results go to stdout, all else to stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any

import click

__all__ = [
    "clean",
    "counted",
    "format_count",
    "format_percent",
    "format_seconds",
    "format_shape",
    "format_size",
    "print_facts",
    "print_json",
    "print_table",
    "say",
]


def say(text: str) -> None:
    """One line for the person at the terminal, on stderr."""
    click.echo(clean(text), err=True)


def clean(text: str) -> str:
    """`text` without control characters, so that no file or class name can move the cursor."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def print_json(data: object) -> None:
    """One document on stdout. Numbers that JSON lacks (NaN, infinities) become null."""
    document = json.dumps(_plain(data), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        document.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a terminal without Unicode, or a file name that is not Unicode
        document = json.dumps(_plain(data), indent=2, allow_nan=False)
    click.echo(document)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]], right: Iterable[str] = ()) -> None:
    """A table without lines. Columns named in `right` hold numbers; on a narrow terminal the last one folds.

    Where stdout is no terminal, nothing is folded, cut or coloured. Our own, because rich.table takes 1 ms a
    row: a second for a thousand models.
    """
    from rich.cells import cell_len, set_cell_size

    cells = [[clean(str(cell)).replace("\n", " ") for cell in row] for row in rows]
    widths = [max(map(cell_len, column)) for column in zip(columns, *cells, strict=True)]
    numbers = [column in set(right) for column in columns]
    indent = sum(widths[:-1]) + 2 * len(widths[:-1])

    def line(row: Sequence[str]) -> str:
        padded = [
            " " * (width - cell_len(cell)) + cell if is_number else set_cell_size(cell, width)
            for cell, width, is_number in zip(row, widths, numbers, strict=True)
        ]
        return "  ".join(padded).rstrip()

    click.secho(line(columns), bold=True)  # click leaves the style out where stdout is no terminal
    for row in cells:
        first, *folded = _folded(row[-1], indent)
        click.echo(line([*row[:-1], first]))
        for part in folded:
            click.echo(" " * indent + part)


def _folded(text: str, indent: int) -> list[str]:
    """`text` in lines that fit beside `indent` columns; in one without a terminal or with hardly any room."""
    from shutil import get_terminal_size
    from textwrap import wrap

    room = get_terminal_size().columns - indent
    if not sys.stdout.isatty() or room < 20 or len(text) <= room:
        return [text]
    return wrap(text, room, break_on_hyphens=False) or [""]


def print_facts(facts: Mapping[str, str], indent: int = 0) -> None:
    """A line each: the name, then the value; names are aligned, empty values left out."""
    shown = {name: value for name, value in facts.items() if value}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        lines = clean(value).splitlines()
        click.echo(f"{' ' * indent}{name:<{width}}  {lines[0]}")
        for line in lines[1:]:
            click.echo(f"{' ' * (indent + width)}  {line}")


def counted(number: int, noun: str, plural: str = "") -> str:
    """'1 model', '2 models', '2 families'."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def format_count(number: int | float) -> str:
    """7978856 as '7.98 M'; parameters, MACs and whatever else is counted in thousands."""
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= limit * 0.999995:  # what would round to 1000.00 of the unit below
            return f"{number / limit:.2f} {unit}"
    return f"{number:g}"


def format_size(size_bytes: int) -> str:
    """28_400_000 as '28.4 MB', in the decimal units that disks and file managers use."""
    if size_bytes < 1000:
        return f"{size_bytes} B"
    value = float(size_bytes)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def format_seconds(seconds: float) -> str:
    """0.0123 as '12.3 ms', 19.84 as '19.8 s', 200 as '3 min 20 s', 3725 as '1 h 02 min'."""
    if seconds < 0.1:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def format_percent(fraction: float, digits: int = 1) -> str:
    """0.971 as '97.1 %'."""
    return f"{100 * fraction:.{digits}f} %"


def format_shape(shape: Sequence[int]) -> str:
    """(3, 224, 224) as '3x224x224'."""
    return "x".join(str(size) for size in shape)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    return str(value)
