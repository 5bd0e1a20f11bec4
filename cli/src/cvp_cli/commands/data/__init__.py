"""`cvp data`: which data sets there are, what is in one, and whether it is sound."""

from __future__ import annotations

import click

from . import add, info, list, pull, remove, shard, show, split, stats, verify

__all__ = ["command"]


@click.group("data")
def command() -> None:
    """List, describe, check, name and look at data sets."""


for module in (list, info, show, verify, stats, split, shard, add, remove, pull):
    command.add_command(module.command)
