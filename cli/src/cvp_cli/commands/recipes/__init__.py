"""`cvp recipes`: whole training configurations that have a name."""

from __future__ import annotations

import click

from . import list, show

__all__ = ["command"]


@click.group("recipes")
def command() -> None:
    """List and show named training configurations."""


for module in (list, show):
    command.add_command(module.command)
