"""`cvp weights path`: where weights are, for scripts."""

from __future__ import annotations

import click

from ...options import weights_dir_option

__all__ = ["command"]


@click.command("path")
@click.argument("name")
@weights_dir_option
def command(name: str, weights_dir: str | None) -> None:
    """Print the path of weights that are here.

    One line for scripts: the file's, or the folder's of compiled ones.
    """
    from cvp_core.weights.inventory import find_stored

    click.echo(find_stored(name, weights_dir).path.absolute())
