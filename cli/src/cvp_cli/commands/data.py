"""`cvp data`: which data sets there are, and what is in one."""

from __future__ import annotations

from pathlib import Path

import click

from ..options import json_option

__all__ = ["command"]


@click.group("data")
def command() -> None:
    """List, describe and look at data sets."""


@command.command("list")
@json_option
def list_command(as_json: bool) -> None:
    """The data sets that have a name."""
    from cvp_core.registry import datasets

    from ..output import format_shape, print_json, print_table

    claims = sorted(datasets(), key=lambda claim: claim.spec.name)
    if as_json:
        print_json(
            [
                {
                    "name": claim.spec.name,
                    "summary": claim.spec.summary,
                    "classes": len(claim.spec.classes),
                    "image_size": claim.spec.image_size,
                    "counts": claim.spec.counts,
                    "synthetic": claim.spec.synthetic,
                    "licence": claim.spec.licence,
                    "url": claim.spec.url,
                    "distribution": claim.plugin.distribution,
                }
                for claim in claims
            ]
        )
        return
    rows = [
        (
            claim.spec.name,
            str(len(claim.spec.classes) or ""),
            " + ".join(f"{count:,} {split}" for split, count in claim.spec.counts.items()),
            format_shape(claim.spec.image_size) if claim.spec.image_size else "any",
            ("synthetic: " if claim.spec.synthetic else "") + claim.spec.summary,
        )
        for claim in claims
    ]
    print_table(("NAME", "CLASSES", "PICTURES", "SIZE", "WHAT"), rows, right=("CLASSES",))


@command.command("info")
@click.argument("data")
@json_option
def info_command(data: str, as_json: bool) -> None:
    """What is in DATA, a folder or a name: splits, classes and how many pictures each has."""
    import numpy as np

    from cvp_core.data import open_data

    from ..output import format_shape, print_facts, print_json, print_table

    splits = open_data(data)
    parts = {"train": splits.train, "val": splits.val, "test": splits.test}
    sets = {name: images for name, images in parts.items() if images is not None}
    counts = {name: np.bincount(images.labels, minlength=len(splits.classes)) for name, images in sets.items()}
    if as_json:
        print_json(
            {
                "name": splits.name,
                "location": splits.location,
                "synthetic": splits.synthetic,
                "image_size": splits.image_size,
                "classes": list(splits.classes),
                "splits": {name: counts[name].tolist() for name in counts},
                "recipe": dict(splits.recipe),
                "notes": list(splits.notes),
            }
        )
        return
    print_facts(
        {
            "data": splits.name,
            "from": splits.location,
            "size": format_shape(splits.image_size) if splits.image_size else "any",
            "note": "\n".join(splits.notes),
            "recipe": ", ".join(f"{key} {value}" for key, value in splits.recipe.items()),
        }
    )
    click.echo()
    rows = [(name, *(f"{count[index]:,}" for count in counts.values())) for index, name in enumerate(splits.classes)]
    rows.append(("all", *(f"{count.sum():,}" for count in counts.values())))
    columns = [name.upper() for name in counts]
    print_table(("CLASS", *columns), rows, right=columns)


@command.command("show")
@click.argument("data")
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="PNG to write; NAME.png if not given.")
@click.option("--columns", type=click.IntRange(1, 40), default=8, show_default=True, help="Pictures a class.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which pictures are drawn.")
def show_command(data: str, output: str | None, columns: int, seed: int) -> None:
    """Draw a contact sheet of DATA, a folder or a name: some pictures of each class, as a PNG."""
    import io

    from cvp_core.data import open_data
    from cvp_core.data.contact_sheet import contact_sheet
    from cvp_core.weights.atomic import write_atomically

    splits = open_data(data)
    sheet = contact_sheet(splits, columns=columns, seed=seed)
    path = Path(output or f"{splits.name}.png").expanduser()
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())
    click.echo(f"{path} ({sheet.width}x{sheet.height} pixels)")
