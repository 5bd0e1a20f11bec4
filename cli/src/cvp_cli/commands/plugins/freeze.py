"""`cvp plugins freeze`: the installed plugins as requirements."""

from __future__ import annotations

import click

from ...options import json_option

__all__ = ["command"]


@click.command("freeze")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="Write this file instead of stdout.")
@json_option
def command(output: str | None, as_json: bool) -> None:
    """Print the installed plugins as requirements that `cvp plugins sync` and pip read.

    \b
    cvp plugins freeze -o plugins.txt
    """
    from pathlib import Path
    from platform import python_version

    from cvp_core.weights.atomic import write_atomically

    from ...installed import OURS, installed_plugins, version_of
    from ...output import counted, print_json, say

    plugins = installed_plugins().values()
    if as_json:
        print_json([{"distribution": p.name, "version": p.version, "requirement": p.requirement} for p in plugins])
        return
    ours = ", ".join(f"{name} {version_of(name)}" for name in OURS)
    lines = [f"# cvp plugins freeze: {ours}, Python {python_version()}"]
    for plugin in plugins:
        is_named = plugin.requirement == f"{plugin.name}=={plugin.version}"
        lines.append(plugin.requirement if is_named else f"{plugin.requirement}  # {plugin.name}=={plugin.version}")
    text = "\n".join(lines)
    if output is None:
        click.echo(text)
        return
    path = Path(output).expanduser()
    write_atomically(path, f"{text}\n".encode())
    say(f"{path}: {counted(len(plugins), 'plugin')}; cvp plugins sync {path} restores them")
