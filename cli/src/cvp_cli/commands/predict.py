"""`cvp predict`: what is in these pictures?"""

from __future__ import annotations

import csv
import glob
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ..options import artifact_options, device_option, json_option, weights_dir_option

if TYPE_CHECKING:
    from cvp_core.classifier import Prediction

__all__ = ["command"]


@click.command("predict")
@click.argument("checkpoint")
@click.argument("images", nargs=-1, required=True)
@click.option("--top-k", type=click.IntRange(min=1), default=5, show_default=True, help="Guesses a picture.")
@click.option("--batch-size", type=click.IntRange(min=1), default=16, show_default=True, help="Pictures at a time.")
@device_option
@weights_dir_option
@artifact_options
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: path, label, probability, error.")
def command(
    checkpoint: str,
    images: tuple[str, ...],
    top_k: int,
    batch_size: int,
    device: str,
    weights_dir: str | None,
    trust: bool,
    fallback: bool,
    as_json: bool,
    as_csv: bool,
) -> int:
    """Name what CHECKPOINT sees in IMAGES.

    CHECKPOINT is a weights file, an artifact, or its name; IMAGES are files, folders, globs.
    A picture that cannot be read gets a row that says why, and the exit code is then 2.

    \b
    cvp predict densenet121-birds photo.jpg
    cvp predict densenet121-birds ~/pictures --top-k 1 --csv > answers.csv
    """
    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    paths = list(_expand(images))

    from cvp_core import load
    from cvp_core.machine import fitting_threads

    classifier = load(checkpoint, device=device, weights_dir=weights_dir, trust=trust, fallback=fallback)
    show = _write_csv if as_csv else _print_json if as_json else _print_table
    with fitting_threads():
        unreadable = show(classifier.stream(paths, top_k=top_k, batch_size=batch_size))
    return 2 if unreadable else 0


def _expand(patterns: tuple[str, ...]) -> Iterator[str]:
    """The pictures that files, folders (searched below) and globs stand for; a path that is not there stays."""
    from cvp_core.data import IMAGE_SUFFIXES

    for pattern in patterns:
        path = os.path.expanduser(pattern)
        if os.path.isdir(path):
            found = sorted(
                os.path.join(folder, name)
                for folder, _, names in os.walk(path)
                for name in names
                if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith(".")
            )
            if not found:
                raise click.UsageError(f"no pictures in the folder {pattern}")
            yield from found
        elif not os.path.lexists(path) and glob.has_magic(path):
            found = sorted(glob.glob(path, recursive=True))
            if not found:
                raise click.UsageError(f"no file matches {pattern}")
            yield from (name for name in found if not os.path.isdir(name))
        else:
            yield path


def _write_csv(answers: Iterator[Prediction]) -> int:
    writer = csv.writer(sys.stdout)
    writer.writerow(["path", "rank", "label", "probability", "error"])
    unreadable = 0
    for answer in answers:
        if answer.error is not None:
            unreadable += 1
            writer.writerow([answer.path, "", "", "", answer.error])
        for rank, guess in enumerate(answer.guesses, start=1):
            writer.writerow([answer.path, rank, guess.label, f"{guess.probability:.6f}", ""])
    return unreadable


def _print_json(answers: Iterator[Prediction]) -> int:
    from ..output import print_json

    found = list(answers)
    print_json([answer.to_json() for answer in found])
    return sum(answer.error is not None for answer in found)


def _print_table(answers: Iterator[Prediction]) -> int:
    from ..output import counted, format_percent, print_table, say

    rows = []
    unreadable = 0
    for answer in answers:
        if answer.error is not None:
            unreadable += 1
            rows.append((_short(answer.path), "-", "-", f"cannot read: {answer.error}"))
            continue
        first, *others = answer.guesses
        following = ", ".join(f"{guess.label} {format_percent(guess.probability)}" for guess in others)
        rows.append((_short(answer.path), first.label, format_percent(first.probability), following))
    print_table(("IMAGE", "LABEL", "PROBABILITY", "NEXT"), rows, right=("PROBABILITY",))
    say(counted(len(rows), "image") + (f", {unreadable} unreadable" if unreadable else ""))
    return unreadable


def _short(path: str) -> str:
    """The last folders and the name: enough to recognise, short enough for a table."""
    parts = path.split(os.sep)
    short = parts[-1]
    for part in reversed(parts[:-1]):
        if len(short) + len(part) > 38:
            return short
        short = os.path.join(part, short) if part else short
    return path
