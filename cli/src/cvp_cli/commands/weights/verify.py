"""`cvp weights verify`: whether weights are whole, true and fit their network."""

from __future__ import annotations

import click

from ...options import json_option, weights_dir_option

__all__ = ["command"]


@click.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME|FILE]...")
@weights_dir_option
@json_option
@click.pass_context
def command(ctx: click.Context, names: tuple[str, ...], weights_dir: str | None, as_json: bool) -> None:
    """Check that weights are whole and true.

    All that are here, if none is named: hash, header, finite values, keys and shapes. Ends with exit code 2 if any
    is not sound.
    """
    from pathlib import Path

    from cvp_core.weights.inventory import all_stored, find_stored
    from cvp_core.weights.manifest import read_manifest
    from cvp_core.weights.store import SUFFIX
    from cvp_core.weights.store import weights_dir as store_of
    from cvp_core.weights.verify import CHECKS, verify

    from ...output import counted, print_json, print_table, say

    if names:
        files = [(name, Path(name) if Path(name).is_file() else find_stored(name, weights_dir).path) for name in names]
    else:
        files = [(entry.name, entry.path) for entry in all_stored(weights_dir)]
        store = store_of(weights_dir)  # what its manifest names and is not there is a fault too
        files += [(name, file) for name in read_manifest(store) if not (file := store / f"{name}{SUFFIX}").is_file()]
    verdicts = [(name, verify(path)) for name, path in files]
    bad = sum(not verdict.is_sound for _, verdict in verdicts)
    if as_json:
        print_json(
            [
                {
                    "name": name,
                    "path": verdict.path,
                    "sound": verdict.is_sound,
                    "checks": {
                        check: "failed" if check in verdict.faults else "open" if check in verdict.open else "ok"
                        for check in CHECKS
                    },
                    "reasons": {**verdict.faults, **verdict.open},
                }
                for name, verdict in verdicts
            ]
        )
    elif not verdicts:
        say("no weights are here: `cvp train MODEL --data DATA` makes some")
    else:
        rows = [
            (
                name,
                *("BAD" if check in verdict.faults else "-" if check in verdict.open else "ok" for check in CHECKS),
                "; ".join(f"{check}: {reason}" for check, reason in {**verdict.faults, **verdict.open}.items()),
            )
            for name, verdict in verdicts
        ]
        print_table(("NAME", *(check.upper() for check in CHECKS), ""), rows)
        click.echo(f"{counted(len(verdicts), 'file')} checked, {bad or 'none'} not sound")
    if bad:
        ctx.exit(2)
