"""`cvp predict`: what is in these pictures?"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from ..options import artifact_options, device_option, json_option, offline_option, weights_dir_option
from ..pictures import expand, short, tta_option

if TYPE_CHECKING:
    from cvp_core.classifier import Prediction

__all__ = ["command"]


@click.command("predict")
@click.argument("checkpoint")
@click.argument("images", nargs=-1, required=True)
@click.option("--top-k", type=click.IntRange(min=1), default=5, show_default=True, help="Guesses a picture.")
@click.option("--batch-size", type=click.IntRange(min=1), default=16, show_default=True, help="Pictures at a time.")
@tta_option
@device_option
@weights_dir_option
@offline_option
@artifact_options
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: path, label, probability, error.")
def command(
    checkpoint: str,
    images: tuple[str, ...],
    top_k: int,
    batch_size: int,
    tta: str | None,
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
    paths = list(expand(images))

    from cvp_core.machine import fitting_threads

    from ..opening import open_classifier
    from ..output import say

    classifier = open_classifier(checkpoint, device=device, weights_dir=weights_dir, trust=trust, fallback=fallback)
    if tta is not None:
        from cvp_core.tta import describe_views, with_views

        classifier = with_views(classifier, tta)
    show = _write_csv if as_csv else _print_json if as_json else _print_table
    with fitting_threads():
        unreadable = show(classifier.stream(paths, top_k=top_k, batch_size=batch_size))
    if tta is not None:
        say(f"views  {describe_views(tta)}")
    return 2 if unreadable else 0


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
            rows.append((short(answer.path), "-", "-", f"cannot read: {answer.error}"))
            continue
        first, *others = answer.guesses
        following = ", ".join(f"{guess.label} {format_percent(guess.probability)}" for guess in others)
        rows.append((short(answer.path), first.label, format_percent(first.probability), following))
    print_table(("IMAGE", "LABEL", "PROBABILITY", "NEXT"), rows, right=("PROBABILITY",))
    say(counted(len(rows), "image") + (f", {unreadable} unreadable" if unreadable else ""))
    return unreadable
