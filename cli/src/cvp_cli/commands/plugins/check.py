"""`cvp plugins check`: the conformance suite on installed models."""

from __future__ import annotations

import click

from ...options import json_option

__all__ = ["command"]


@click.command("check")
@click.argument("names", nargs=-1, required=True, metavar="PLUGIN|MODEL...")
@json_option
def command(names: tuple[str, ...], as_json: bool) -> int:
    """Run the conformance suite on the models of a plugin, a family, a pattern, or on single models.

    Each failure says what was found and how to mend it; the exit code is then 1.

    \b
    cvp plugins check cvp-densenet
    cvp plugins check densenet121 'foonet*'
    """
    from cvp_core.testing import run_checks

    from ...output import counted, format_seconds, print_json, print_table, say

    models = _models_of(names)
    outcomes = []
    for outcome in run_checks(models):
        outcomes.append(outcome)
        if not outcome.has_passed:
            say(f"{outcome.model}: {outcome.check}: {outcome.found}\n    to mend it: {outcome.mend}")
    failed = [outcome for outcome in outcomes if not outcome.has_passed]
    if as_json:
        print_json(
            [
                {
                    "model": outcome.model,
                    "check": outcome.check,
                    "passed": outcome.has_passed,
                    "found": outcome.found,
                    "mend": outcome.mend,
                    "seconds": round(outcome.seconds, 3),
                }
                for outcome in outcomes
            ]
        )
    else:
        rows = []
        for model in models:
            mine = [outcome for outcome in outcomes if outcome.model == model]
            wrong = [outcome.check for outcome in mine if not outcome.has_passed]
            seconds = format_seconds(sum(outcome.seconds for outcome in mine))
            rows.append((model, f"{len(mine) - len(wrong)} of {len(mine)}", seconds, ", ".join(wrong) or "ok"))
        print_table(("MODEL", "PASSED", "TIME", "FAILED"), rows, right=("PASSED", "TIME"))
        click.echo(f"{counted(len(models), 'model')}, {counted(len(failed), 'failure')}")
    return 1 if failed else 0


def _models_of(names: tuple[str, ...]) -> list[str]:
    """Model names, each once, of distributions, families, patterns and models."""
    from cvp_core.plugins import discover
    from cvp_core.registry import find_model, matching, models

    chosen: dict[str, None] = {}
    for name in names:
        plugin = next((plugin for plugin in discover() if plugin.distribution == name), None)
        if plugin is not None and plugin.error:
            from cvp_core.errors import PluginError

            raise PluginError(f"{plugin.label} is broken: {plugin.error} (`cvp doctor {name}` shows the traceback)")
        if plugin is not None:
            claims = [claim for claim in models() if claim.plugin is plugin]
        else:
            claims = matching(name) or [find_model(name)]
        chosen |= dict.fromkeys(models().label(claim.spec.name, claim) for claim in claims)
    return list(chosen)
