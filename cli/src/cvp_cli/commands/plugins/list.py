"""`cvp plugins list`: what is installed, and what is wrong with it."""

from __future__ import annotations

import click

from ...options import json_option

__all__ = ["command"]


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """List the plugins and what is wrong with each."""
    from cvp_core.plugins import discover

    from ...extensions import fault_of
    from ...main import plugin_commands
    from ...output import print_json, print_table

    plugins = [(plugin, *fault_of(plugin, plugin_commands())) for plugin in discover()]
    if as_json:
        print_json(
            [
                {
                    "distribution": plugin.distribution,
                    "version": plugin.version,
                    "module": plugin.module,
                    "models": len(plugin.models),
                    "state": state,
                    "error": why,
                }
                for plugin, state, why in plugins
            ]
        )
        return
    rows = []
    for plugin, state, why in plugins:
        more = f" (cvp doctor {plugin.distribution} shows the traceback)" if plugin.traceback else ""
        rows.append(
            (
                plugin.distribution,
                plugin.version,
                "-" if plugin.error else str(len(plugin.models)),
                f"{state}: {why}{more}" if why else state,
            )
        )
    print_table(("PLUGIN", "VERSION", "MODELS", "STATE"), rows, right=("MODELS",))
