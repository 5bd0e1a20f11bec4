"""`cvp data list`: the data sets that have a name."""

from __future__ import annotations

import click

from ...options import json_option

__all__ = ["command"]


@click.command("list")
@json_option
def command(as_json: bool) -> None:
    """The data sets that have a name."""
    from cvp_core.data.registered import registered
    from cvp_core.registry import datasets

    from ...output import format_shape, print_json, print_table

    added = registered()
    claims = sorted(datasets(), key=lambda claim: claim.spec.name)
    if as_json:
        print_json(
            [
                {
                    "name": claim.spec.name,
                    "summary": claim.spec.summary,
                    "classes": claim.spec.num_classes,
                    "image_size": claim.spec.image_size,
                    "counts": claim.spec.counts,
                    "synthetic": claim.spec.synthetic,
                    "licence": claim.spec.licence,
                    "url": claim.spec.url,
                    "distribution": claim.plugin.distribution,
                }
                for claim in claims
            ]
            + [{"name": name, "location": found.place, "url": found.url} for name, found in added.items()]
        )
        return
    rows = [
        (
            claim.spec.name,
            str(claim.spec.num_classes or ""),
            " + ".join(f"{count:,} {split}" for split, count in claim.spec.counts.items()),
            format_shape(claim.spec.image_size) if claim.spec.image_size else "any",
            ("synthetic: " if claim.spec.synthetic else "") + claim.spec.summary,
        )
        for claim in claims
    ]
    rows += [(name, "", "", "any", f"yours: {found.place}") for name, found in added.items()]
    print_table(("NAME", "CLASSES", "PICTURES", "SIZE", "WHAT"), rows, right=("CLASSES",))
