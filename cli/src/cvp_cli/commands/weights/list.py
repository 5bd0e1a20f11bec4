"""`cvp weights list`: what is published for the installed models, and what is here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ...options import json_option, weights_dir_option

if TYPE_CHECKING:
    from cvp_core.weights.inventory import Stored
    from cvp_core.weights.pretrained import Published

__all__ = ["command"]


@click.command("list")
@click.argument("pattern", default="*")
@click.option("--here", "--local", is_flag=True, help="What is in the store: trained, imported, compiled and pulled.")
@weights_dir_option
@json_option
def command(pattern: str, here: bool, weights_dir: str | None, as_json: bool) -> None:
    """List what is published, or --here.

    PATTERN is a model, a family, or a shell pattern such as 'resnet*' (in quotes).

    \b
    cvp weights list resnet50
    cvp weights list --here
    """
    if here:
        _list_here(pattern, weights_dir, as_json)
    else:
        _list_published(pattern, as_json)


def _list_published(pattern: str, as_json: bool) -> None:
    from cvp_core.errors import UserError
    from cvp_core.registry import families, matching, models, near_misses
    from cvp_core.weights.pretrained import published

    from ...output import counted, format_shape, format_size, print_json, print_table

    found = list(published(pattern))
    if as_json:  # a query without matches has an answer, the empty list
        print_json([_published_json(entry) for entry in found])
        return
    if not found:
        if matching(pattern):
            raise UserError(
                f"no weights are published for what matches '{pattern}'; "
                "`cvp weights import FILE --model MODEL` takes a file"
            )
        near = near_misses(pattern.strip("*?"), {*models().claims, *families().claims})
        raise UserError(f"no models match '{pattern}'.{near} `cvp list-models` shows all.")
    rows = [
        (
            entry.name,
            "-" if entry.weights.top1 is None else f"{entry.weights.top1:.1f} %",
            format_shape((entry.weights.preprocess.channels, *entry.weights.preprocess.size)),
            str(entry.weights.classes),
            # not here: so much as the network's numbers take, which is what will be kept
            format_size(entry.path.stat().st_size if entry.is_here else 4 * entry.claim.spec.parameters),
            "yes" if entry.is_here else "-",
            entry.weights.source,
            entry.weights.licence or "-",
        )
        for entry in found
    ]
    columns = ("NAME", "TOP-1", "INPUT", "CLASSES", "SIZE", "HERE", "SOURCE", "LICENCE")
    print_table(columns, rows, right=("TOP-1", "CLASSES", "SIZE"))
    count = len({entry.claim.spec.name for entry in found})
    click.echo(
        f"{counted(len(found), 'file')} for {counted(count, 'model')}; "
        f"`cvp weights pull {found[0].name}` brings one, and so does using it"
    )


def _list_here(pattern: str, weights_dir: str | None, as_json: bool) -> None:
    from fnmatch import fnmatchcase

    from cvp_core.weights.inventory import all_stored
    from cvp_core.weights.store import weights_dir as store_of

    from ...output import counted, format_percent, format_shape, format_size, print_json, print_table, say

    found = [
        entry
        for entry in all_stored(weights_dir)
        if fnmatchcase(entry.name, pattern) or (entry.header is not None and entry.header.model == pattern)
    ]
    if as_json:
        print_json([_stored_json(entry) for entry in found])
        return
    if not found:
        which = "" if pattern == "*" else f" that match '{pattern}'"
        say(f"no weights{which} in {store_of(weights_dir)}: `cvp train MODEL --data DATA` makes some")
        return
    rows = []
    for entry in found:
        header = entry.header
        top1 = header.metrics.get("top1") if header else None
        rows.append(
            (
                entry.name,
                entry.kind,
                header.model if header else "-",
                str(len(header.classes)) if header else "-",
                format_percent(top1) if isinstance(top1, int | float) else "-",
                format_shape(header.input_size) if header else "-",
                format_size(entry.size_bytes),
                entry.error,
            )
        )
    columns = ("NAME", "KIND", "MODEL", "CLASSES", "TOP-1", "INPUT", "SIZE", "")
    print_table(columns, rows, right=("CLASSES", "TOP-1", "SIZE"))
    total = format_size(sum(entry.size_bytes for entry in found))
    click.echo(f"{counted(len(found), 'entry', 'entries')}, {total}, in {store_of(weights_dir)} and the cache")


def _published_json(entry: Published) -> dict[str, Any]:
    spec, weights = entry.claim.spec, entry.weights
    shares = {
        name: None if percent is None else percent / 100
        for name, percent in (("top1", weights.top1), ("top5", weights.top5))
    }
    return {
        "name": entry.name,
        "model": spec.name,
        "weights": weights.name,
        "distribution": entry.claim.plugin.distribution,
        **shares,
        "input_size": (weights.preprocess.channels, *weights.preprocess.size),
        "classes": weights.classes,
        "licence": weights.licence,
        "source": weights.source,
        "url": weights.url,
        "sha256": weights.sha256,
        "here": entry.is_here,
        "path": entry.path if entry.is_here else None,
        "size_bytes": entry.path.stat().st_size if entry.is_here else None,
    }


def _stored_json(entry: Stored) -> dict[str, Any]:
    header = entry.header
    return {
        "name": entry.name,
        "kind": entry.kind,
        "path": entry.path,
        "size_bytes": entry.size_bytes,
        "model": header.model if header else None,
        "distribution": header.distribution if header else None,
        "classes": list(header.classes) if header else None,
        "input_size": header.input_size if header else None,
        "top1": header.metrics.get("top1") if header else None,
        "error": entry.error or None,
    }
