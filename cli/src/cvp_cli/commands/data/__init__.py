"""`cvp data`: which data sets there are, what is in one, and whether it is sound."""

from __future__ import annotations

import click

from . import info, list, shard, show, split, stats, verify

__all__ = ["command"]


@click.group("data")
def command() -> None:
    """List, describe, check and look at data sets."""


for module in (list, info, show, verify, stats, split, shard):
    command.add_command(module.command)
