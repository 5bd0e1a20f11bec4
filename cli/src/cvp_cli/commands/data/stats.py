"""`cvp data stats`: what a data set's pictures are like, in numbers and on one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ...options import data_argument, json_option

if TYPE_CHECKING:
    from cvp_core.data.check.statistics import Spread, Statistics

__all__ = ["command"]

_SHOWN = 20  # classes; of more, the largest and the smallest


@click.command("stats")
@data_argument()
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="PNG to draw: classes, sizes, some pictures.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Which pictures are drawn.")
@click.option("--workers", type=click.IntRange(min=1), help="Threads that read pictures; one a processor if not given.")
@json_option
def command(data: str, output: str | None, seed: int, workers: int | None, as_json: bool) -> None:
    """Classes, sizes, formats, mean and standard deviation of DATA.

    Mean and deviation are over all pixels of all pictures, in units of 0 to 1; of more than 10,000 pictures so many
    are drawn by --seed.

    \b
    cvp data stats birds -o birds.png
    """
    from pathlib import Path

    from cvp_core.data import open_data
    from cvp_core.data.check.statistics import statistics
    from cvp_core.weights.atomic import write_atomically

    from ...bar import pictures_bar
    from ...output import print_json

    splits = open_data(data)
    with pictures_bar("reading") as show:
        found = statistics(splits, seed=seed, workers=workers, on_progress=show)
    path = None if output is None else Path(output).expanduser()
    if path is not None:
        from cvp_core.data.check.overview import draw_overview

        write_atomically(path, draw_overview(found, splits, seed=seed))
    if as_json:
        print_json({**found.to_json(), "picture": path})
    else:
        _print(found)
        if path is not None:
            click.echo(f"\nlook  {path}")


def _print(found: Statistics) -> None:
    from ...output import counted, format_size, print_facts, print_table

    pictures = {split: int(counts.sum()) for split, counts in found.counts.items()}
    brightness = found.brightness
    over = f"of {counted(brightness.pictures, 'picture')}" + (" drawn by the seed" if brightness.is_sample else "")
    size = "" if found.bytes is None else " / ".join(format_size(round(each)) for each in vars(found.bytes).values())
    print_facts(
        {
            "data": found.name,
            "from": found.location,
            "pictures": ", ".join(f"{count:,} {split}" for split, count in pictures.items()),
            "unreadable": f"{found.unreadable:,} (`cvp data verify` says why)" if found.unreadable else "",
            "formats": ", ".join(f"{count:,} {kind}" for kind, count in found.formats.items()),
            "width": f"{_spread(found.width)} pixels (least / median / most)",
            "height": f"{_spread(found.height)} pixels",
            "file": size,
            "mean": f"{_channels(brightness.mean)}  ({over})",
            "std": _channels(brightness.std),
        }
    )
    click.echo()
    rows = [
        (name, *(f"{counts[label]:,}" for counts in found.counts.values())) for label, name in enumerate(found.classes)
    ]
    if len(rows) > _SHOWN:
        rows.sort(key=lambda row: -sum(int(cell.replace(",", "")) for cell in row[1:]))
        gap = (f"({len(rows) - _SHOWN} more)", *("" for _ in pictures))
        rows = [*rows[: _SHOWN // 2], gap, *rows[-(_SHOWN // 2) :]]
    columns = [split.upper() for split in pictures]
    print_table(("CLASS", *columns), rows, right=columns)


def _spread(spread: Spread) -> str:
    return f"{spread.least:g} / {spread.median:g} / {spread.most:g}"


def _channels(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.4f}" for value in values)
