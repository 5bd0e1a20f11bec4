"""`cvp plugins uninstall`: plugins, and nothing else, by pip."""

from __future__ import annotations

import sys

import click

__all__ = ["command"]


@click.command("uninstall")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def command(names: tuple[str, ...], yes: bool) -> None:
    """Remove plugins, by distribution or family, broken ones too; never cvp itself nor what is no plugin.

    \b
    cvp plugins uninstall cvp-foo
    cvp plugins uninstall foo --yes
    """
    from cvp_core.errors import UserError

    from ...installed import installed_plugins, plugin_named
    from ...installer import remove, telling_what_changed

    plugins = installed_plugins()
    chosen = {plugin.name: plugin for plugin in (plugin_named(name, plugins) for name in names)}
    labels = " and ".join(plugin.label for plugin in chosen.values())
    if not yes:
        if not sys.stdin.isatty():
            raise UserError(f"{labels} would be removed; there is no terminal to ask at, so give --yes")
        click.confirm(f"Remove {labels}?", abort=True, err=True)
    with telling_what_changed():
        remove(list(chosen))
    click.echo(f"removed  {labels}")
