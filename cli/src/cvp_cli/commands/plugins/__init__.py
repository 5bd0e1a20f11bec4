"""`cvp plugins`: what is installed, what is wrong with it, and how it comes and goes."""

from __future__ import annotations

import click

from . import check, freeze, install, list, new, sync, uninstall

__all__ = ["command"]


@click.group("plugins")
def command() -> None:
    """List, install, remove and check plugins; begin a new one."""


for module in (list, install, uninstall, freeze, sync, check, new):
    command.add_command(module.command)
