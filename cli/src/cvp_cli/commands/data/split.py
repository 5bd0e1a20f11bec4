"""`cvp data split`: training, validation and test pictures as list files, nothing copied."""

from __future__ import annotations

import shlex

import click

from ...options import data_argument, json_option

__all__ = ["command"]


@click.command("split")
@data_argument()
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False), help="Folder for the lists.")
@click.option("--val", type=float, metavar="SHARE", help="Share for validation; 0.2 unless DATA has such a set.")
@click.option("--test", type=float, metavar="SHARE", help="Share for the test; none if not given.")
@click.option("--stratify/--no-stratify", default=True, show_default=True, help="Every class by its share.")
@click.option("--group-duplicates", is_flag=True, help="Keep copies and look-alikes on one side; reads all pictures.")
@click.option("--seed", type=int, default=0, show_default=True, help="Which pictures are drawn.")
@click.option("--workers", type=click.IntRange(min=1), help="Threads that read pictures; one a processor if not given.")
@click.option("--force", is_flag=True, help="Replace lists that are there.")
@json_option
def command(
    data: str,
    output: str,
    val: float | None,
    test: float | None,
    stratify: bool,
    group_duplicates: bool,
    seed: int,
    workers: int | None,
    force: bool,
    as_json: bool,
) -> None:
    """Divide the training pictures of DATA, a folder or a list, into train.txt, val.txt and test.txt.

    The lists hold paths, `path label` a line, relative to the folder of --output, which must hold the pictures: it is
    DATA itself or a folder above. A validation or test set that DATA has is written as it is.

    \b
    cvp data split pictures --val 0.2 --test 0.1 -o pictures
    cvp train densenet --data pictures/train.txt --val-data pictures/val.txt
    """
    from pathlib import Path

    import numpy as np

    from cvp_core.data import open_data
    from cvp_core.data.check import examine
    from cvp_core.data.check.division import divided, write_lists

    from ...bar import pictures_bar
    from ...output import counted, print_facts, print_json, print_table, say

    splits = open_data(data)
    groups = []
    if group_duplicates:
        with pictures_bar("reading") as show:
            examined = examine(splits, workers, show)
        count = len(splits.train)
        groups = [group[group < count] for group in (*examined.same, *examined.alike)]
        groups = [group for group in groups if len(group) > 1]
        if examined.readings.reasons:
            unreadable = counted(len(examined.readings.reasons), "picture")
            say(f"{unreadable} cannot be read and would stop training; `cvp data verify {shlex.quote(data)}` says why")
    parts = divided(splits, val, test, seed=seed, is_stratified=stratify, groups=groups)
    paths = write_lists(parts, Path(output).expanduser(), force=force)
    counts = {name: np.bincount(getattr(parts, name).labels, minlength=len(parts.classes)) for name in paths}
    if as_json:
        print_json(
            {
                "lists": paths,
                "classes": list(parts.classes),
                "counts": {name: each.tolist() for name, each in counts.items()},
                "groups": len(groups),
            }
        )
        return
    rows = [(name, *(f"{each[label]:,}" for each in counts.values())) for label, name in enumerate(parts.classes)]
    rows.append(("all", *(f"{each.sum():,}" for each in counts.values())))
    columns = [name.upper() for name in counts]
    print_table(("CLASS", *columns), rows, right=columns)
    click.echo()
    validation = f" --val-data {paths['val']}" if "val" in paths else ""
    print_facts(
        {
            "lists": "\n".join(map(str, paths.values())),
            "together": f"{counted(len(groups), 'group')} of copies and look-alikes" if group_duplicates else "",
            "next": f"cvp train MODEL --data {paths['train']}{validation}",
        }
    )
