"""`cvp weights average`: several trainings of one model as one network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ...options import batch_size_option, data_option, device_option, json_option, weights_dir_option, workers_option

if TYPE_CHECKING:
    from cvp_core.weights.average import Average, Ingredient
    from cvp_core.weights.heldout import HeldOut

__all__ = ["command"]


@click.command("average")
@click.argument("weights", nargs=-1, required=True, metavar="WEIGHTS WEIGHTS...")
@click.option("-o", "--output", metavar="NAME", help="Name in the store, or a .safetensors file; else FIRST-average.")
@click.option("--greedy", "is_greedy", is_flag=True, help="Take in only what does not make the average worse.")
@click.option("--recalibrate-norms", is_flag=True, help="Estimate batch norms' statistics again on training pictures.")
@data_option
@batch_size_option
@workers_option
@device_option
@weights_dir_option
@json_option
def command(
    weights: tuple[str, ...],
    output: str | None,
    is_greedy: bool,
    recalibrate_norms: bool,
    data: str | None,
    batch_size: int | None,
    workers: int | None,
    device: str,
    weights_dir: str | None,
    as_json: bool,
) -> None:
    """Average WEIGHTS, trainings of one model on the same classes (a "model soup").

    With --data each and the average are measured on its validation pictures; --greedy measures too, by default on what
    they were trained on. An average of trainings that began from the same weights is often better than each of them; of
    trainings from different random weights it is useless.

    \b
    cvp weights average birds-1 birds-2 birds-3 -o birds-soup --greedy
    """
    from cvp_core.machine import fitting_threads
    from cvp_core.weights.atomic import make_folder
    from cvp_core.weights.average import header_of, open_ingredients, uniform
    from cvp_core.weights.format import save_tensors

    ingredients = open_ingredients(weights, weights_dir)
    path = _target(output, ingredients, weights_dir)
    make_folder(path.parent)
    held_out = None
    with fitting_threads():
        if is_greedy or recalibrate_norms or data is not None:
            held_out, average = _measured(
                ingredients, data, is_greedy, recalibrate_norms, device, batch_size or 64, workers or 0
            )
        else:
            average = uniform(ingredients)
    save_tensors(path, average.state, header_of(average, {} if average.top1 is None else {"top1": average.top1}))
    _print(average, held_out, path, as_json)


def _target(output: str | None, ingredients: list[Ingredient], weights_dir: str | None) -> Path:
    """The file to write: a path, or a name in the store. Not one of those that are averaged."""
    from cvp_core.weights import weights_dir as store
    from cvp_core.weights.store import SUFFIX

    name = output or f"{ingredients[0].path.name.removesuffix(SUFFIX)}-average"
    is_path = name.endswith(SUFFIX) or len(Path(name).parts) > 1
    path = Path(name).expanduser() if is_path else store(weights_dir) / name
    path = path if name.endswith(SUFFIX) else path.with_name(path.name + SUFFIX)
    if any(one.path.resolve() == path.resolve() for one in ingredients):
        raise click.UsageError(f"-o {name} is one of the weights to be averaged; give another name")
    return path


def _measured(
    ingredients: list[Ingredient],
    data: str | None,
    is_greedy: bool,
    recalibrate_norms: bool,
    device: str,
    batch_size: int,
    workers: int,
) -> tuple[HeldOut, Average]:
    from cvp_core.machine import pick_device
    from cvp_core.weights.average import greedy, uniform
    from cvp_core.weights.heldout import HeldOut

    from ...bar import pictures_bar
    from ...output import say

    held_out = HeldOut(ingredients[0], data or "", device=pick_device(device), batch_size=batch_size, workers=workers)
    seeds = sorted({str(one.header.training.get("seed", 0)) for one in ingredients})
    if len(seeds) > 1 and not held_out.has_own:
        say(
            f"note: trained with the seeds {', '.join(seeds)}, which draw different validation pictures from "
            f"{held_out.splits.name}: some of the weights have seen those that are used here"
        )
    rounds = 2 * len(ingredients) - 1 if is_greedy else len(ingredients) + 1
    finish = held_out.with_norms if recalibrate_norms else None
    with pictures_bar("measured", rounds * len(held_out.images)) as held_out.progress:
        return held_out, (greedy if is_greedy else uniform)(ingredients, held_out.top1, finish)


def _print(average: Average, held_out: HeldOut | None, path: Path, as_json: bool) -> None:
    from ...output import counted, format_percent, print_facts, print_json, print_table

    if as_json:
        rows = [
            {
                "name": one.ingredient.name,
                "path": one.ingredient.path,
                "top1": one.top1,
                "average_top1": one.average_top1,
                "kept": one.is_kept,
            }
            for one in average.tried
        ]
        document = {"weights": path, "method": average.method, "top1": average.top1, "ingredients": rows}
        more = {"data": held_out.splits.name, "samples": len(held_out.images)} if held_out is not None else {}
        print_json({**document, **more})
        return

    def share(value: float | None) -> str:
        return "-" if value is None else format_percent(value, 2)

    table = [
        (one.ingredient.name, share(one.top1), share(one.average_top1), "yes" if one.is_kept else "no")
        for one in average.tried
    ]
    print_table(("INGREDIENT", "TOP-1", "AVERAGE WITH IT", "KEPT"), table, right=("TOP-1", "AVERAGE WITH IT"))
    click.echo()
    kept = f"{average.method}, of {counted(len(average.kept), 'ingredient')}"
    on = (
        f", {share(average.top1)} on {held_out.splits.name}, val ({len(held_out.images):,} pictures)"
        if held_out
        else ""
    )
    print_facts(
        {
            "average": kept + on,
            "weights": str(path),
            "next": f"cvp predict {path} photo.jpg" if held_out is not None else f"cvp evaluate {path}",
        }
    )
