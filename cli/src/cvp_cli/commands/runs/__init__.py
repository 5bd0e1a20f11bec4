"""`cvp runs`: what was trained here, how it went, and one run beside another."""

from __future__ import annotations

import click

from . import compare, list, show

__all__ = ["command"]


@click.group("runs")
def command() -> None:
    """List, show and compare training runs."""


for module in (list, show, compare):
    command.add_command(module.command)
