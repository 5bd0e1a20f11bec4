"""`cvp recipes show`: one training configuration as TOML, where it is from, and how to run it."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("show")
@click.argument("name")
def command(name: str) -> None:
    """Print recipe NAME as TOML, to read, or to keep and change.

    \b
    cvp recipes show birds-modern
    cvp recipes show birds-modern > mine.toml; cvp train --recipe mine.toml
    """
    import tomli_w

    from cvp_core.train.recipes import command_of, find_named

    from ...output import clean

    spec = find_named(name).spec
    lines = [f"# {spec.name}: {spec.summary}"]
    lines += [f"# from  {spec.source}"] if spec.source else []
    lines += [f"# run   {command_of(spec)}", "", tomli_w.dumps(dict(spec.settings)).rstrip()]
    click.echo(clean("\n".join(lines)))
