"""`cvp plugins sync`: the plugins of a file, no more work than it takes."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command("sync")
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.argument("options", nargs=-1, metavar="[-- PIP_OPTION...]")
@click.option("--prune", is_flag=True, help="Remove the plugins that FILE does not name.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, and do nothing.")
def command(file: str, options: tuple[str, ...], prune: bool, dry_run: bool) -> None:
    """Install what FILE, written by `cvp plugins freeze`, names and this environment lacks.

    What is there in the same version is left alone. What follows -- goes to pip.

    \b
    cvp plugins sync plugins.txt --dry-run
    """
    from pathlib import Path

    from ...arrivals import print_arrivals
    from ...installed import installed_plugins
    from ...installer import install, remove, telling_what_changed
    from ...output import counted
    from ...requirements import plan, read_requirements

    wanted = read_requirements(Path(file))
    steps = plan(wanted, installed_plugins())
    surplus = steps.surplus if prune else []
    for entry, reason in steps.missing:
        click.echo(f"install  {entry.text}  ({reason})")
    for plugin in surplus:
        click.echo(f"remove   {plugin.label}")
    if steps.surplus and not prune:
        names = ", ".join(plugin.name for plugin in steps.surplus)
        click.echo(f"keep     {names}  (not in {file}; --prune removes)")
    if not steps.missing and not surplus:
        click.echo(f"nothing to do: {counted(len(wanted.entries), 'plugin')} of {file} installed as named")
    if dry_run:
        return
    given = [*wanted.options, *options]
    with telling_what_changed():
        arrived = []
        if steps.missing:
            named, editable = steps.arguments()
            arrived = install(named, options=[*given, *editable])
        again = plan(wanted, installed_plugins())
        if again.missing:  # the same version from another place, which pip takes for the same
            named, editable = again.arguments()
            arrived += install(named, options=[*given, *editable, "--no-deps"], is_reinstall=True)
        if surplus:
            remove([plugin.name for plugin in surplus])
    if steps.missing:
        print_arrivals(arrived, [], as_json=False)
