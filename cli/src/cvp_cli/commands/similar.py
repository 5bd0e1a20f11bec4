"""`cvp similar`: which pictures of a collection look most like this one, to a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..options import device_option, json_option, weights_dir_option
from ..pictures import short

if TYPE_CHECKING:
    from cvp_core.embed import FeatureTable, Found

__all__ = ["command"]

_MOST_PICTURES = 100


@click.command("similar")
@click.argument("features", type=click.Path())
@click.argument("images", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(1, 100), default=5, show_default=True, help="Neighbours a picture.")
@click.option("--checkpoint", metavar="CHECKPOINT", help="The network of FEATURES, if it is no longer where it was.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Draw them as a PNG too.")
@device_option
@weights_dir_option
@json_option
def command(
    features: str,
    images: tuple[str, ...],
    top: int,
    checkpoint: str | None,
    output: str | None,
    device: str,
    weights_dir: str | None,
    as_json: bool,
) -> int:
    """Find the pictures in FEATURES that are most like each of IMAGES.

    FEATURES is a file of `cvp embed`. IMAGES are files, folders, globs, or pictures that FEATURES has, by its names.
    Similarity is the cosine of the angle between features: 1 for the same, about 0 for what has nothing in common.

    \b
    cvp similar densenet121-birds-features.safetensors photo.jpg -o like-it.png
    """
    from cvp_core.embed import embedder_of, read_table, similar
    from cvp_core.machine import fitting_threads

    table = read_table(Path(features).expanduser())
    paths = _expand(table, images)
    if output is not None and len(paths) > _MOST_PICTURES:
        raise click.UsageError(f"{len(paths)} pictures given; a page (-o) holds {_MOST_PICTURES} at most")
    with fitting_threads():
        found = similar(
            table, paths, top, lambda: embedder_of(table, checkpoint, device=device, weights_dir=weights_dir)
        )
    answered = [one for one in found if one.error is None]
    page = None
    if output is not None and answered:
        page = _draw(answered, table, Path(output).expanduser())
    _print(found, page, as_json)
    return 2 if any(one.error is not None for one in found) else 0


def _expand(table: FeatureTable, images: tuple[str, ...]) -> list[str]:
    """As `predict` does, but a name that the table has stands for itself."""
    from ..pictures import expand

    paths: list[str] = []
    for image in images:
        paths += [image] if table.row_of(image) is not None else expand((image,))
    return paths


def _draw(found: list[Found], table: FeatureTable, path: Path) -> Path:
    import io

    from cvp_core.embed import neighbour_page
    from cvp_core.weights.atomic import write_atomically

    title = f"{table.source.name} ({table.source.model}): the nearest of {len(table):,} pictures"
    buffer = io.BytesIO()
    neighbour_page(found, table, title).save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())
    return path


def _print(found: list[Found], page: Path | None, as_json: bool) -> None:
    from ..output import counted, print_json, print_table, say

    if as_json:
        print_json([one.to_json() for one in found])
        return
    rows = []
    for one in found:
        if one.error is not None:
            rows.append((short(one.path), "-", "-", f"cannot read: {one.error}"))
        for place, near in enumerate(one.neighbours):
            name = "" if place else short(one.path)
            rows.append((name, f"{near.similarity:.3f}", near.label or "-", short(near.path)))
    print_table(("IMAGE", "SIMILARITY", "CLASS", "NEIGHBOUR"), rows, right=("SIMILARITY",))
    unreadable = sum(one.error is not None for one in found)
    say(counted(len(found), "image") + (f", {unreadable} unreadable" if unreadable else ""))
    if page is not None:
        click.echo(f"look  {page}")
