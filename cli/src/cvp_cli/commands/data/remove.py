"""`cvp data remove`: takes a name away that was added."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("remove")
@click.argument("name")
def command(name: str) -> None:
    """Forget NAME, which `cvp data add` gave. The pictures stay where they are."""
    from cvp_core.data.registered import forget

    gone = forget(name)
    click.echo(f"removed  {name}; {gone.place} stays")
