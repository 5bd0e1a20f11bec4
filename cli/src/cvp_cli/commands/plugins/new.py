"""`cvp plugins new`: a plugin package to begin with."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("new")
@click.argument("name")
@click.option("--into", type=click.Path(file_okay=False), default=".", show_default=True, help="The parent folder.")
def command(name: str, into: str) -> None:
    """Write a complete plugin package cvp-NAME: a real model, its variants, README, tests and CI.

    \b
    cvp plugins new foonet
    pip install -e cvp-foonet && cvp plugins check cvp-foonet
    """
    from pathlib import Path

    from ...scaffold import write_plugin

    for path in write_plugin(name, Path(into).expanduser()):
        click.echo(path)
    folder = Path(into) / f"cvp-{name.removeprefix('cvp-')}"
    click.echo(f"\nnext  pip install -e {folder}\n      cvp plugins check {folder.name}")
