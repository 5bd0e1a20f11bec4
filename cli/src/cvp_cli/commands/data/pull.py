"""`cvp data pull`: a named data set is downloaded before it is needed."""

from __future__ import annotations

import click

from ...options import offline_option

__all__ = ["command"]


@click.command("pull")
@click.argument("name")
@offline_option
def command(name: str) -> None:
    """Download what NAME needs, verified; what an earlier try received is continued.

    \b
    cvp data pull cub200
    """
    from cvp_core.data import open_data

    splits = open_data(name)
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    counts = " + ".join(f"{len(images):,} {part}" for part, images in parts.items() if images is not None)
    click.echo(f"here     {splits.name}: {counts}, {len(splits.classes)} classes, in {splits.location}")
