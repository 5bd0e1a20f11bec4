"""`cvp data add`: a name for pictures of one's own."""

from __future__ import annotations

import click

from ...options import data_argument

__all__ = ["command"]


@click.command("add")
@click.argument("name")
@data_argument("address", "PATH|URL")
@click.option("--sha256", default="", metavar="HASH", help="What a download must have.")
@click.option("--force", is_flag=True, help="Give a name that is taken to this.")
def command(name: str, address: str, sha256: str, force: bool) -> None:
    """Let NAME stand for PATH, anything that --data takes, or for the archive or table at URL, downloaded now.

    It comes before the data sets that are known by name, so that `birds` may be yours.

    \b
    cvp data add pets ~/pictures/pets
    cvp data add leaves https://example.org/leaves.zip
    """
    from cvp_core.data import open_data
    from cvp_core.data.registered import register

    from ...output import counted

    found = register(name, address, sha256, replace=force)
    splits = open_data(name)
    count = sum(len(images) for images in (splits.train, splits.val, splits.test) if images is not None)
    click.echo(f"added    {name}: {found.place} ({counted(count, 'picture')}, {len(splits.classes)} classes)")
    click.echo(f"next     cvp data verify {name}")
