"""`cvp weights remove`: weights of the store, or pulled ones, deleted."""

from __future__ import annotations

import click

from ...options import weights_dir_option
from .options import confirm

__all__ = ["command"]


@click.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@weights_dir_option
def command(names: tuple[str, ...], yes: bool, weights_dir: str | None) -> None:
    """Delete weights by name.

    NAME is one of `cvp weights list --here`. Trained weights are gone for good.
    """
    from cvp_core.errors import WeightsError
    from cvp_core.weights.inventory import find_named, remove

    from ...output import format_size

    found = {}
    for name in names:
        entry = find_named(name, weights_dir)
        if entry is None:
            raise WeightsError(f"no weights are named '{name}' here; `cvp weights list --here` shows all")
        found[entry.path] = entry
    labels = [f"{entry.name} ({entry.kind}, {format_size(entry.size_bytes)})" for entry in found.values()]
    confirm(f"Remove {' and '.join(labels)}?", yes, labels)
    for entry, label in zip(found.values(), labels, strict=True):
        remove(entry)
        click.echo(f"removed  {label}")
