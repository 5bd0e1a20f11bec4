"""`cvp embed`: what a network makes of pictures, as numbers in a file, and as a map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..options import batch_size_option, data_option, device_option, json_option, offline_option, weights_dir_option
from ..pictures import expand

if TYPE_CHECKING:
    from cvp_core.data import ImageSet
    from cvp_core.embed import Embedded, FeatureTable, Selection
    from cvp_core.weights.header import Header

__all__ = ["command"]

_PICTURES = (".png", ".svg", ".pdf")


@click.command("embed")
@click.argument("checkpoint")
@click.argument("images", nargs=-1)
@data_option
@click.option("--split", metavar="SPLIT", help="With --data: auto (test, else val), train, val, test or all.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="A .safetensors or .parquet to write; else NAME-features.safetensors.",
)
@click.option(
    "--map", "chart", type=click.Path(dir_okay=False), metavar="FILE", help="Draw a map too: .png, .svg or .pdf."
)
@batch_size_option
@device_option
@weights_dir_option
@offline_option
@json_option
def command(
    checkpoint: str,
    images: tuple[str, ...],
    data: str | None,
    split: str | None,
    output: str | None,
    chart: str | None,
    batch_size: int | None,
    device: str,
    weights_dir: str | None,
    as_json: bool,
) -> int:
    """Write what CHECKPOINT makes of IMAGES, the numbers that its last layer sees, into a file.

    CHECKPOINT is a weights file or its name; IMAGES are files, folders, globs. With --data they are a data set's, and
    keep their classes. A picture that cannot be read is left out and told, and the exit code is then 2.

    \b
    cvp embed densenet121-birds ~/pictures -o features.safetensors
    cvp embed densenet121-birds --data birds --split all --map birds.png
    """
    if bool(images) == (data is not None):
        raise click.UsageError("give IMAGES (files, folders, globs) or --data DATA, and not both")
    if split is not None and data is None:
        raise click.UsageError("--split goes with --data")
    picture = None if chart is None else Path(chart).expanduser()
    if picture is not None and picture.suffix.lower() not in _PICTURES:
        raise click.UsageError(f"--map '{picture}' must end with {', '.join(_PICTURES[:-1])} or {_PICTURES[-1]}")
    paths = list(expand(images))

    from cvp_core.data import FileSet
    from cvp_core.embed import FeatureTable, embed, open_embedder, write_table
    from cvp_core.embed.table import check_output
    from cvp_core.errors import DataError
    from cvp_core.machine import fitting_threads
    from cvp_core.weights.atomic import make_folder

    from ..bar import pictures_bar
    from ..output import say

    if output is not None:
        check_output(Path(output))
    embedder = open_embedder(checkpoint, device=device, weights_dir=weights_dir)
    path = Path(output or f"{embedder.source.name}-features.safetensors").expanduser()
    for place in (path, picture or path):
        make_folder(place.parent)
    classes: tuple[str, ...] = ()
    sets: list[ImageSet] = [FileSet(paths, [0] * len(paths))]
    selection, what = None, "pictures"
    if data is not None:
        selection = _selection(data, split, embedder.header)
        classes, sets, what = _open(selection)
    with fitting_threads(), pictures_bar("features", sum(map(len, sets))) as progress:
        found = embed(embedder, sets, batch_size=batch_size or 32, progress=progress)
    for name, reason in found.unreadable:
        say(f"cannot read {name}: {reason}")
    if not found.names:
        raise DataError(f"none of the {len(found.unreadable)} pictures could be read; nothing was written")
    table = FeatureTable(
        found.features, found.names, embedder.source, found.labels if data else None, classes, selection
    )
    write_table(path, table)
    note = "" if picture is None else _draw(table, found, picture, f"{embedder.source.name}: {what}")
    _print(table, found, path, picture, what, note, as_json)
    return 2 if found.unreadable else 0


def _selection(data: str, split: str | None, header: Header) -> Selection:
    """With the seed and share of training, so that its validation pictures are found again."""
    from cvp_core.embed import Selection

    training = header.training
    seed, val_fraction = int(training.get("seed", 0)), float(training.get("val_fraction", 0.2))
    return Selection(data, split or "auto", seed=seed, val_fraction=val_fraction)


def _open(selection: Selection) -> tuple[tuple[str, ...], list[ImageSet], str]:
    splits, name, sets = selection.open()
    kind = " (synthetic)" if splits.synthetic else ""
    return splits.classes, list(sets), f"{splits.name}, {name}{kind}"


def _draw(table: FeatureTable, found: Embedded, picture: Path, title: str) -> str:
    """Draws the map; what a person should be told about it."""
    from cvp_core.embed import plot_map, project
    from cvp_core.embed.chart import can_group

    layout = project(table.features)
    shown = f"{len(layout.rows):,} of {len(table):,}" if len(layout.rows) < len(table) else f"{len(table):,}"
    plot_map(layout, f"{title}, {shown} pictures", picture, labels=table.labels, classes=table.classes, read=found.read)
    return "" if can_group() else "the map is a PCA; t-SNE shows groups better: pip install scikit-learn"


def _print(
    table: FeatureTable, found: Embedded, path: Path, picture: Path | None, what: str, note: str, as_json: bool
) -> None:
    from ..output import counted, format_size, print_facts, print_json

    count, width = table.features.shape
    if as_json:
        unreadable = [{"path": name, "error": reason} for name, reason in found.unreadable]
        document = {"features": path, "pictures": count, "width": width, "map": picture, "unreadable": unreadable}
        print_json({**document, "classes": list(table.classes), "checkpoint": table.source.checkpoint})
        return
    left_out = f", {len(found.unreadable)} unreadable" if found.unreadable else ""
    classes = f" of {counted(len(table.classes), 'class', 'classes')}" if table.classes else ""
    print_facts(
        {
            "network": f"{table.source.name} ({table.source.model})",
            "data": f"{what}: {count:,}{classes}{left_out}",
            "features": f"{path} ({width} numbers a picture, {format_size(path.stat().st_size)})",
            "look": "" if picture is None else str(picture),
            "note": note,
            "next": f"cvp similar {path} photo.jpg",
        }
    )
