"""`cvp train`: settings in, one run out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..options import (
    batch_size_option,
    data_option,
    device_option,
    json_option,
    offline_option,
    weights_dir_option,
    workers_option,
)

if TYPE_CHECKING:
    from cvp_core.train import Callback, Plan

__all__ = ["command"]


@click.command("train")
@click.argument("model", required=False)
@data_option
@click.option("--val-data", metavar="FILE", help="A list file or table of the validation pictures.")
@click.option("--recipe", metavar="NAME|FILE", help="Settings by name (`cvp recipes list`), or a .toml of them.")
@click.option("--epochs", type=int, help="Passes over the training pictures.")
@batch_size_option
@click.option("--image-size", type=int, metavar="PIXELS", help="A side of the square that the model sees.")
@click.option("--lr", "learning_rate", type=float, help="Peak learning rate.")
@click.option("--optimizer", metavar="NAME", help="adamw, adam, sgd or lion.")
@click.option("--schedule", metavar="NAME", help="cosine, one-cycle, step, plateau or constant.")
@click.option(
    "--augment",
    metavar="NAME",
    help="none, light, medium, strong, randaugment, trivialaugment (photographs) or shift (small pictures).",
)
@click.option("--mixup", type=float, metavar="ALPHA", help="Mix two pictures, such as 0.2.")
@click.option("--cutmix", type=float, metavar="ALPHA", help="Paste a part of another picture, such as 1.0.")
@click.option("--ema", type=float, metavar="DECAY", help="Keep an average of the weights, such as 0.999.")
@click.option("--patience", type=int, metavar="EPOCHS", help="Stop when validation has not got better for so long.")
@click.option("--precision", metavar="NAME", help="auto, float32, bfloat16 or float16.")
@click.option("--val-fraction", type=float, help="Share kept for validation where the data has no split.")
@click.option("--seed", type=int, help="Fixes split, initial weights, order and augmentation.")
@click.option("--weights", metavar="FILE|NAME", help="Start from these weights.")
@click.option("--pretrained", is_flag=True, help="Start from the best weights that are published for the model.")
@click.option("--freeze", metavar="PART", help="none, backbone (train the head alone) or stage:N.")
@click.option("--unfreeze-at", type=int, metavar="EPOCH", help="Train all after so many epochs, the backbone slower.")
@click.option("--head", metavar="NAME", help="linear, or mlp with a hidden layer.")
@click.option("--grad-accum", type=int, metavar="PARTS", help="Compute a batch in parts, for memory.")
@click.option("--checkpoint-activations", is_flag=True, default=None, help="Compute stages twice, for memory.")
@click.option("--compile", is_flag=True, default=None, help="Through torch.compile, for GPUs.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any other setting, as in config.toml.")
@workers_option
@device_option
@click.option("--name", help="Name of the weights file; MODEL-DATA if not given.")
@click.option("--log", "logs", multiple=True, metavar="NAME", help="Write logs for: tensorboard.")
@click.option("--resume", metavar="RUN", help="Continue a run that was stopped: its folder, its name, or last.")
@click.option("--strict-data", is_flag=True, help="Read all pictures first; refuse bad ones and copies across splits.")
@click.option("--dry-run", is_flag=True, help="Print the resolved settings, draw a batch, train nothing.")
@click.option("--find-lr", is_flag=True, help="Try growing learning rates, draw their losses, train nothing.")
@click.option("--runs-dir", type=click.Path(file_okay=False), default="runs", show_default=True, help="Run folders.")
@weights_dir_option
@offline_option
@json_option
def command(
    model: str | None,
    data: str | None,
    recipe: str | None,
    settings: tuple[str, ...],
    pretrained: bool,
    name: str | None,
    logs: tuple[str, ...],
    resume: str | None,
    strict_data: bool,
    dry_run: bool,
    find_lr: bool,
    runs_dir: str,
    weights_dir: str | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Train MODEL on DATA.

    What is not given comes from the recipe, else from the data set's own, else from good defaults. The best weights
    are kept.

    \b
    cvp train densenet --data birds
    cvp train resnet50 --data ~/pictures --pretrained --freeze backbone
    cvp train --resume runs/2026-11-22_10-31-07_densenet121-birds
    """
    given = {key: value for key, value in given.items() if value is not None}
    if given.get("device") == "auto":
        del given["device"]
    given |= dict(_setting(text) for text in settings)
    if pretrained:
        if "weights" in given:
            raise click.UsageError("--pretrained and --weights exclude each other")
        given["weights"] = "pretrained"
    if resume is not None:
        from cvp_core.train import plan_to_resume
        from cvp_core.train.history import find_run

        _nothing_else(given, model=model, data=data, recipe=recipe, name=name)
        resolved = plan_to_resume(find_run(resume, runs_dir).path, workers=given.get("workers"))
    else:
        resolved = _planned(given, model, data, recipe, runs_dir, weights_dir, name)
    if strict_data:
        from cvp_core.data.check.gate import refuse_spoilt

        from ..bar import pictures_bar

        with pictures_bar("checking") as show:
            refuse_spoilt(resolved.splits, on_progress=show)
    if dry_run:
        return _show(resolved, as_json)
    if find_lr:
        return _find_rate(resolved, as_json)
    return _run(resolved, logs, as_json)


def _planned(
    given: dict[str, Any],
    model: str | None,
    data: str | None,
    recipe: str | None,
    runs_dir: str,
    weights_dir: str | None,
    name: str | None,
) -> Plan:
    if recipe is not None:
        from cvp_core.train.recipes import find_recipe

        given = {**find_recipe(recipe), **given}
    given |= {key: value for key, value in (("model", model), ("data", data)) if value is not None}
    if "model" not in given:
        raise click.UsageError("MODEL is missing: a model or family (`cvp list-models`), or a --recipe that names one")
    if "data" not in given:
        raise click.UsageError("--data is missing: a folder of class folders, or a name (`cvp data list`)")
    from cvp_core.train import plan

    return plan(given, runs_dir=runs_dir, store=weights_dir, name=name)


def _run(resolved: Plan, logs: tuple[str, ...], as_json: bool) -> int:
    from cvp_core.train import train
    from cvp_core.train.processes import is_first_process

    from ..progress import TrainingDisplay

    display = TrainingDisplay(to_stderr=as_json)
    with display:
        result = train(resolved, [display, *_trackers(logs)])
    if as_json and is_first_process():
        from ..output import print_json

        print_json(result.to_json())
    return 130 if result.was_interrupted else 0


def _trackers(logs: tuple[str, ...]) -> list[Callback]:
    from cvp_core.plugins import discover

    found: list[Callback] = [one for plugin in discover() for one in plugin.collect("cvp_callbacks")]
    for log in logs:
        if log != "tensorboard":
            raise click.UsageError(f"--log {log!r} is not known; allowed is tensorboard; others come as plugins")
        from cvp_core.train.tensorboard import TensorBoardLog

        found.append(TensorBoardLog())
    return found


def _show(resolved: Plan, as_json: bool) -> int:
    """The settings as TOML, and a batch as the network will see it."""
    import tomli_w

    from cvp_core.train.rehearsal import draw_batch

    from ..output import clean, print_json

    picture = draw_batch(resolved, resolved.runs_dir / f"{resolved.title}-batch.png")
    if as_json:
        print_json({"config": resolved.config.to_dict(), "picture": str(picture)})
        return 0
    click.echo(clean(tomli_w.dumps(resolved.config.to_dict()).rstrip()))
    click.echo(f"\nlook     {picture}\nnext     the same command without --dry-run")
    return 0


def _find_rate(resolved: Plan, as_json: bool) -> int:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from cvp_core.train.rehearsal import find_rate

    from ..output import print_json

    console = Console(stderr=True)
    with Bar(
        TextColumn("learning rates"), BarColumn(28), TimeRemainingColumn(), console=console, transient=True
    ) as bar:
        task = bar.add_task("")
        found = find_rate(
            resolved,
            resolved.runs_dir / f"{resolved.title}-lr.png",
            lambda step, steps: bar.update(task, completed=step, total=steps),
        )
    if as_json:
        print_json(found.to_json())
        return 0
    rate = f"{found.suggestion:.1e}"
    click.echo(f"rate     {rate}: there the loss falls most steeply; from {found.limit:.1e} on it grows")
    click.echo(f"look     {found.picture}")
    click.echo(f"next     the same command with --lr {rate} instead of --find-lr")
    return 0


def _nothing_else(given: dict[str, Any], **arguments: str | None) -> None:
    """A run goes on with its own settings, or its end would not be that of the uninterrupted run."""
    more = [key for key in given if key != "workers"] + [key for key, value in arguments.items() if value is not None]
    if more:
        raise click.UsageError(f"--resume continues with the run's own settings; leave out {', '.join(more)}")


def _setting(text: str) -> tuple[str, Any]:
    """KEY=VALUE with VALUE as TOML has it, else as text."""
    import tomllib

    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise click.UsageError(f"--set {text!r} is not KEY=VALUE")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()
