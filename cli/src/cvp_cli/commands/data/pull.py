"""`cvp data pull`: a named data set is downloaded before it is needed."""

from __future__ import annotations

import click

from ...options import offline_option

__all__ = ["command"]


@click.command("pull")
@click.argument("name")
@offline_option
def command(name: str) -> None:
    """Download what NAME, or an address, needs, verified; what an earlier try received is continued.

    \b
    cvp data pull cub200
    cvp data pull hf://ylecun/mnist
    """
    from cvp_core.data import open_data
    from cvp_core.data.registered import registered
    from cvp_core.data.resolve import full_name

    # A folder of the name here is not what is to be downloaded.
    splits = open_data(name if name in registered() else full_name(name))
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    counts = " + ".join(f"{len(images):,} {part}" for part, images in parts.items() if images is not None)
    click.echo(f"here     {splits.name}: {counts}, {len(splits.classes)} classes, in {splits.location}")
