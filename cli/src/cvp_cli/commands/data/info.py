"""`cvp data info`: what is in a data set."""

from __future__ import annotations

import click

from ...options import data_argument, json_option

__all__ = ["command"]


@click.command("info")
@data_argument()
@json_option
def command(data: str, as_json: bool) -> None:
    """What is in DATA, a folder or a name: splits, classes and how many pictures each has."""
    import numpy as np

    from cvp_core.data import open_data

    from ...output import format_shape, print_facts, print_json, print_table

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
