"""`cvp data shard`: a data set as WebDataset shards."""

from __future__ import annotations

import click

from ...options import QUANTITY, data_argument, json_option

__all__ = ["command"]


@click.command("shard")
@data_argument()
@click.option("-o", "--output", metavar="FOLDER", required=True, help="Where the shards are written.")
@click.option("--size", type=QUANTITY, default="100M", show_default=True, metavar="BYTES", help="Of one shard.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Shards at a time.")
@json_option
def command(data: str, output: str, size: int, workers: int, as_json: bool) -> None:
    """Write DATA as tar files of samples, which read fast from any disk and from a network.

    The pictures' own bytes are kept. Interrupted, the same command completes the rest.

    \b
    cvp data shard ~/pictures -o shards
    cvp train densenet --data shards
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from cvp_core.data import open_data
    from cvp_core.data.sharding import write_shards

    from ...output import clean, counted, format_size, print_json, say

    splits = open_data(data)
    for note in splits.notes:
        say(f"note: {note}")
    columns = TextColumn("writing"), BarColumn(28), MofNCompleteColumn(), TextColumn("pictures"), TimeRemainingColumn()
    console = Console(stderr=True)
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None)
        result = write_shards(
            splits,
            output,
            shard_bytes=size,
            workers=workers,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        print_json(
            {
                "folder": result.folder,
                "shards": result.shards,
                "kept": result.kept,
                "pictures": result.pictures,
                "bytes": result.size_bytes,
            }
        )
        return
    kept = f", {result.kept} of them from before" if result.kept else ""
    written = f"{counted(result.pictures, 'picture')} in {counted(result.shards, 'shard')}{kept}"
    click.echo(clean(f"shards   {result.folder} ({written}, {format_size(result.size_bytes)})"))
    click.echo(clean(f"next     cvp train densenet --data {result.folder}"))
