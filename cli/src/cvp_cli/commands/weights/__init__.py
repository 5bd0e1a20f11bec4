"""`cvp weights`: what is published, what is here, and how it comes, goes, is joined and proved."""

from __future__ import annotations

import click

from . import average, export, import_, list, path, prune, pull, push, remove, show, verify

__all__ = ["command"]


@click.group("weights")
def command() -> None:
    """List, pull, import, export, average, verify and remove weights."""


for module in (list, pull, import_, export, push, average, verify, show, path, remove, prune):
    command.add_command(module.command)
