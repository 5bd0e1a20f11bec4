"""`cvp recipes list`: the training configurations that have a name."""

from __future__ import annotations

import click

from ...options import json_option

__all__ = ["command"]


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """List the named recipes, of core and of plugins."""
    from cvp_core.registry import recipes

    from ...output import counted, print_json, print_table

    catalogue = recipes()
    claims = sorted(catalogue, key=lambda claim: (claim.spec.name, claim.plugin.distribution))
    if as_json:
        print_json(
            [
                {
                    "name": catalogue.label(claim.spec.name, claim),
                    "summary": claim.spec.summary,
                    "settings": claim.spec.settings,
                    "source": claim.spec.source,
                    "distribution": claim.plugin.distribution,
                }
                for claim in claims
            ]
        )
        return
    rows = [
        (
            catalogue.label(claim.spec.name, claim),
            str(claim.spec.settings.get("model", "any")),
            str(claim.spec.settings.get("data", "yours")),
            claim.spec.summary,
        )
        for claim in claims
    ]
    print_table(("RECIPE", "MODEL", "DATA", "WHAT"), rows)
    click.echo(f"{counted(len(rows), 'recipe')}; `cvp recipes show NAME` has the settings")
