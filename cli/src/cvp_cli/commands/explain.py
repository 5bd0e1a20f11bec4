"""`cvp explain`: where in a picture the evidence lies, and what a network has learnt to see."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..options import device_option, json_option, offline_option, weights_dir_option

if TYPE_CHECKING:
    from PIL import Image

    from cvp_core.explain import Answer
    from cvp_core.network import ImageClassifier
    from cvp_core.weights.header import Header

__all__ = ["command"]

_MOST_PICTURES = 100


@click.command("explain")
@click.argument("checkpoint")
@click.argument("images", nargs=-1)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="PNG to write; else NAME-explained.png."
)
@click.option("--class", "label", metavar="NAME", help="Evidence for this class instead of the predicted one.")
@click.option("--top", type=click.IntRange(min=1), metavar="K", help="Evidence for the K most probable classes.")
@click.option("--filters", "is_filters", is_flag=True, help="Draw the filters of the first layer; needs no picture.")
@click.option("--features", "is_features", is_flag=True, help="Draw what the stem and each stage make of one picture.")
@device_option
@weights_dir_option
@offline_option
@json_option
def command(
    checkpoint: str,
    images: tuple[str, ...],
    output: str | None,
    label: str | None,
    top: int | None,
    is_filters: bool,
    is_features: bool,
    device: str,
    weights_dir: str | None,
    as_json: bool,
) -> int:
    """Draw where CHECKPOINT finds its answer in IMAGES (Grad-CAM).

    CHECKPOINT is a weights file or its name. Beside each picture lies what speaks for the class that the model names.
    A picture that cannot be read is told, and the exit code is then 2.

    \b
    cvp explain densenet121-birds photo.jpg
    cvp explain densenet121-birds *.jpg --class Cockatoo -o cockatoos.png
    cvp explain densenet121-birds --filters
    cvp explain densenet121-birds photo.jpg --features
    """
    _check(images, label, top, is_filters, is_features)

    from cvp_core.explain import answer, cam_page
    from cvp_core.machine import fitting_threads, pick_device

    model, header, name = _open(checkpoint, weights_dir)
    model.to(pick_device(device))
    stem = Path(f"{name}-{'filters' if is_filters else 'features' if is_features else 'explained'}.png")
    path = Path(output).expanduser() if output else stem
    title = f"{name} ({header.model})"
    answers: list[Answer] = []
    with fitting_threads():
        if is_filters:
            page = _filters(model, title)
        elif is_features:
            page = _features(model, header, images[0], title)
        else:
            answers = list(answer(model, header, images, label=label, top=top or 1))
            _check_readable(answers)
            page = cam_page(answers, title)
    _write(page, path)
    _print(answers, path, page, as_json)
    return 2 if any(answer.error is not None for answer in answers) else 0


def _check(images: tuple[str, ...], label: str | None, top: int | None, is_filters: bool, is_features: bool) -> None:
    if is_filters and is_features:
        raise click.UsageError("--filters and --features exclude each other")
    if (is_filters or is_features) and (label is not None or top is not None):
        raise click.UsageError("--class and --top go with Grad-CAM alone, not with --filters or --features")
    if label is not None and top is not None:
        raise click.UsageError("--class and --top exclude each other")
    if is_filters and images:
        raise click.UsageError("--filters needs no picture; leave it out")
    if is_features and len(images) != 1:
        raise click.UsageError(f"--features draws one picture, given {len(images)}")
    if not is_filters and not images:
        raise click.UsageError("IMAGES are missing: one picture or more, or --filters")
    if len(images) > _MOST_PICTURES:
        raise click.UsageError(f"{len(images)} pictures given; a page holds {_MOST_PICTURES} at most")


def _open(checkpoint: str, weights_dir: str | None) -> tuple[ImageClassifier, Header, str]:
    """The network of a weights file. An artifact's is compiled: nobody can look into it."""
    from cvp_core.compile.artifact import WEIGHTS, is_artifact
    from cvp_core.errors import WeightsError
    from cvp_core.weights.format import load_model
    from cvp_core.weights.store import SUFFIX, find_trained

    file = find_trained(checkpoint, weights_dir)
    if is_artifact(file):
        raise WeightsError(
            f"{file} is an artifact, whose compiled network cannot be looked into; "
            f"give the weights that it was made from: cvp explain {file / WEIGHTS}"
        )
    model, header = load_model(file)
    return model, header, file.name.removesuffix(SUFFIX)


def _filters(model: ImageClassifier, title: str) -> Image.Image:
    from cvp_core.explain import filter_page, first_filters

    return filter_page(first_filters(model), title)


def _features(model: ImageClassifier, header: Header, image: str, title: str) -> Image.Image:
    from cvp_core.explain import feature_maps, feature_page, open_picture

    pixels, tensor = open_picture(model, header, image)
    return feature_page(feature_maps(model, tensor), pixels, f"{title}: {Path(image).name}")


def _check_readable(answers: list[Answer]) -> None:
    from cvp_core.errors import DataError

    if all(answer.error is not None for answer in answers):
        first = answers[0]
        more = f" (and none of the {len(answers) - 1} others can be read)" if len(answers) > 1 else ""
        raise DataError(f"{first.path}: {first.error}{more}")


def _write(page: Image.Image, path: Path) -> None:
    from cvp_core.weights.atomic import write_atomically

    buffer = io.BytesIO()
    page.save(buffer, "PNG")
    write_atomically(path, buffer.getvalue())


def _print(answers: list[Answer], path: Path, page: Image.Image, as_json: bool) -> None:
    from ..output import format_percent, print_json, print_table, say

    if as_json:
        rows = [
            {
                "path": answer.path,
                "predictions": [{"label": guess.label, "probability": guess.probability} for guess in answer.guesses],
                "error": answer.error,
            }
            for answer in answers
        ]
        print_json({"picture": path, "width": page.width, "height": page.height, "images": rows})
        return
    if answers:
        print_table(
            ("IMAGE", "EVIDENCE FOR", "PROBABILITY"),
            [
                (Path(*Path(answer.path).parts[-2:]).as_posix(), guess.label, format_percent(guess.probability))
                for answer in answers
                for guess in answer.guesses
            ],
            right=("PROBABILITY",),
        )
    for answer in answers:
        if answer.error is not None:
            say(f"cannot read {answer.path}: {answer.error}")
    click.echo(f"look  {path} ({page.width}x{page.height} pixels)")
