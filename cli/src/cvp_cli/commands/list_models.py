"""`cvp list-models`: the models that the installed plugins build."""

from __future__ import annotations

from collections.abc import Sequence

import click

from ..options import QUANTITY, json_option

__all__ = ["command"]


@click.command("list-models")
@click.argument("pattern", default="*")
@click.option("--family", metavar="NAME", help="Only the models of this family.")
@click.option("--sort", type=click.Choice(["name", "params", "macs"]), default="name", show_default=True)
@click.option("--max-params", type=QUANTITY, metavar="COUNT", help="At most so many parameters: 500k, 10M.")
@json_option
def command(pattern: str, family: str | None, sort: str, max_params: int | None, as_json: bool) -> None:
    """List the models of the installed plugins.

    PATTERN is a name, a family, or a shell pattern such as 'dense*' (in quotes).
    """
    from cvp_core.errors import UserError
    from cvp_core.registry import families, matching, models, near_misses

    from ..output import counted, format_count, format_shape, print_json, print_table

    found = matching(pattern, family=family)
    if max_params is not None:
        found = [claim for claim in found if claim.spec.parameters <= max_params]
    if sort != "name":
        found.sort(key=lambda claim: claim.spec.parameters if sort == "params" else claim.spec.macs)

    catalogue = models()
    if as_json:  # a query without matches has an answer, the empty list, and is no mistake of the script
        print_json(
            [
                {
                    "name": catalogue.label(claim.spec.name, claim),
                    "family": claim.spec.family,
                    "parameters": claim.spec.parameters,
                    "macs": claim.spec.macs,
                    "input_size": claim.spec.input_size,
                    "weights": [weights.name for weights in claim.spec.weights],
                    "distribution": claim.plugin.distribution,
                }
                for claim in found
            ]
        )
        return

    if not found:
        known = {claim.spec.family for claim in catalogue}
        if family is not None and family not in known:
            raise UserError(f"no family '{family}'.{near_misses(family, known)} `cvp list-models` shows all.")
        limits = [f"match '{pattern}'"] if pattern != "*" else []
        limits += [f"are of the family {family}"] if family else []
        limits += [f"have at most {format_count(max_params)} parameters"] if max_params is not None else []
        if not limits:
            raise UserError("no models are installed; for a first family: pip install cvp-densenet")
        near = near_misses(pattern.strip("*?"), {*catalogue.claims, *known}) if pattern != "*" else ""
        raise UserError(f"no models {' and '.join(limits)}.{near} `cvp list-models` shows all.")

    has_default = False
    rows = []
    for claim in found:
        spec = claim.spec
        is_default = spec.default and families().label(spec.family, claim) == spec.family
        has_default = has_default or is_default
        rows.append(
            (
                catalogue.label(spec.name, claim) + (" *" if is_default else ""),
                spec.family,
                format_count(spec.parameters),
                format_count(spec.macs),
                format_shape(spec.input_size),
                _first_of([weights.name.lower() for weights in spec.weights]),
                claim.plugin.label,
            )
        )
    columns = ("MODEL", "FAMILY", "PARAMETERS", "MACs", "INPUT", "WEIGHTS", "FROM")
    print_table(columns, rows, right=("PARAMETERS", "MACs"))
    total = len({claim.spec.family for claim in found})
    count = f"{counted(len(found), 'model')} in {counted(total, 'family', 'families')}"
    example = next((c.spec for c in found if c.spec.default), None)
    note = f" (* the family's default: `{example.family}` means {example.name})" if has_default and example else ""
    click.echo(count + note)


def _first_of(names: Sequence[str]) -> str:
    """The best, and how many more there are: `cvp weights list` has them all."""
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    return f"{names[0]}{more}" if names else "-"
