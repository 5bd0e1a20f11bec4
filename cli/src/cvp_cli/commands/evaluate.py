"""`cvp evaluate`: trained weights on labelled pictures."""

from __future__ import annotations

import click

from ..options import (
    artifact_options,
    batch_size_option,
    data_option,
    device_option,
    json_option,
    offline_option,
    weights_dir_option,
    workers_option,
)
from ..pictures import tta_option

__all__ = ["command"]


@click.command("evaluate")
@click.argument("checkpoint")
@data_option
@click.option("--split", default="auto", show_default=True, help="auto (test, else val), train, val or test.")
@batch_size_option
@workers_option
@tta_option
@device_option
@weights_dir_option
@offline_option
@artifact_options
@json_option
def command(
    checkpoint: str,
    data: str | None,
    split: str,
    batch_size: int | None,
    workers: int | None,
    tta: str | None,
    device: str,
    weights_dir: str | None,
    trust: bool,
    fallback: bool,
    as_json: bool,
) -> None:
    """Measure CHECKPOINT on DATA.

    CHECKPOINT is a weights file, an artifact, or its name. By default it is measured on what it was trained on.
    Where DATA has no split, the same validation pictures are taken as in training.

    \b
    cvp evaluate densenet121-birds
    cvp evaluate weights/densenet121-birds.safetensors --data ~/pictures --split train
    cvp evaluate densenet121-birds --tta flips
    """
    from cvp_core.data import open_data
    from cvp_core.evaluate import evaluate, pick_split
    from cvp_core.machine import fitting_threads
    from cvp_core.tta import describe_views, with_views

    from ..opening import open_classifier
    from ..output import counted, format_percent, print_facts, print_json

    classifier = open_classifier(checkpoint, device=device, weights_dir=weights_dir, trust=trust, fallback=fallback)
    training = classifier.header.training
    splits = open_data(data) if data else open_data(str(training.get("data", "")), training.get("val_data"))
    name, images = pick_split(
        splits,
        split,
        seed=int(training.get("seed", 0)),
        val_fraction=float(training.get("val_fraction", 0.2)),
    )
    if tta is not None:
        classifier = with_views(classifier, tta)
    with fitting_threads():
        result = evaluate(classifier, images, splits.classes, batch_size=batch_size or 64, workers=workers or 0)
    if as_json:
        document = {"top1": result.top1, "top5": result.top5, "loss": result.loss, "samples": result.samples}
        print_json({**document, "classes": list(classifier.classes), "split": name, "tta": tta})
        return
    kind = "synthetic, " if splits.synthetic else ""
    print_facts(
        {
            "weights": f"{classifier.name} ({classifier.header.model})",
            "data": f"{splits.name}, {name}: {counted(result.samples, 'picture')} "
            f"({kind}{counted(len(splits.classes), 'class', 'classes')})",
            "views": describe_views(tta) if tta else "",
            "top-1": format_percent(result.top1, 2),
            "top-5": format_percent(result.top5, 2) if len(classifier.classes) > 5 else "",
            "loss": f"{result.loss:.4f}",
        }
    )
