"""`cvp train`: settings in, one run out."""

from __future__ import annotations

from typing import Any

import click

from ..options import (
    batch_size_option,
    data_option,
    device_option,
    json_option,
    weights_dir_option,
    workers_option,
)

__all__ = ["command"]


@click.command("train")
@click.argument("model")
@data_option
@click.option("--epochs", type=int, help="Passes over the training pictures.")
@batch_size_option
@click.option("--image-size", type=int, metavar="PIXELS", help="A side of the square that the model sees.")
@click.option("--lr", "learning_rate", type=float, help="Peak learning rate.")
@click.option("--optimizer", metavar="NAME", help="adamw or sgd.")
@click.option("--augment", metavar="NAME", help="none, light (photographs) or shift (small pictures).")
@click.option("--precision", metavar="NAME", help="auto, float32, bfloat16 or float16.")
@click.option("--val-fraction", type=float, help="Share kept for validation where the data has no split.")
@click.option("--seed", type=int, help="Fixes split, initial weights, order and augmentation.")
@click.option("--weights", metavar="FILE|NAME", help="Start from these weights.")
@click.option("--set", "settings", multiple=True, metavar="KEY=VALUE", help="Any other setting, as in config.toml.")
@workers_option
@device_option
@click.option("--name", help="Name of the weights file; MODEL-DATA if not given.")
@click.option("--runs-dir", type=click.Path(file_okay=False), default="runs", show_default=True, help="Run folders.")
@weights_dir_option
@json_option
def command(
    model: str,
    data: str | None,
    settings: tuple[str, ...],
    name: str | None,
    runs_dir: str,
    weights_dir: str | None,
    as_json: bool,
    **given: Any,
) -> int:
    """Train MODEL on DATA.

    What is not given comes from the data set's recipe, else from good defaults. The best weights are kept.

    \b
    cvp train densenet --data birds
    cvp train multilayer_cnn --data fashion-mnist --epochs 5
    cvp train densenet121 --data ~/pictures --set weight_decay=0.01
    """
    if data is None:
        raise click.UsageError("--data is missing: a folder of class folders, or a name (`cvp data list`)")
    given = {key: value for key, value in given.items() if value is not None}
    given |= {"model": model, "data": data} | dict(_setting(text) for text in settings)
    if given.get("device") == "auto":
        del given["device"]

    from cvp_core.plugins import discover
    from cvp_core.train import plan, train

    from ..progress import TrainingDisplay

    display = TrainingDisplay(to_stderr=as_json)
    resolved = plan(given, runs_dir=runs_dir, store=weights_dir, name=name)
    trackers = [tracker for plugin in discover() for tracker in plugin.collect("cvp_callbacks")]
    with display:
        result = train(resolved, [display, *trackers])
    if as_json:
        from ..output import print_json

        print_json(result.to_json())
    return 130 if result.was_interrupted else 0


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
