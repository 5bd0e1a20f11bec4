"""`cvp weights import`: a checkpoint of another program into the weight store."""

from __future__ import annotations

from pathlib import Path

import click

from ...options import IMAGE_SIZE, json_option, weights_dir_option

__all__ = ["command"]


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--model", required=True, metavar="MODEL", help="What it is a checkpoint of; or MODEL.WEIGHTS.")
@click.option("--name", default="", help="Its name in the weight store; the file's own if not given.")
@click.option("--classes", default="", metavar="NAMES", help="A file with a class name a line, or names with commas.")
@click.option("--image-size", type=IMAGE_SIZE, metavar="PIXELS", help="For networks that are built for one size.")
@click.option("--overwrite", is_flag=True, help="Replace what has that name.")
@weights_dir_option
@json_option
def command(
    file: Path,
    model: str,
    name: str,
    classes: str,
    image_size: tuple[int, int] | None,
    overwrite: bool,
    weights_dir: str | None,
    as_json: bool,
) -> None:
    """Convert a foreign checkpoint into the weight store.

    FILE is of torchvision, timm, torch.hub or cvp: a .safetensors file or a pickle (.pth, .pt, .ckpt), of which
    nothing is run. Count of classes and channels are read from it, and whose keys it has is found by trying.
    --model resnet50.imagenet1k_v2 says that it is that published file, got in another way; its hash is verified.

    \b
    cvp weights import resnet50.pth --model resnet50 --name my-resnet --classes names.txt
    """
    from cvp_core.weights.importing import class_list, import_weights

    from ...output import counted, format_shape, format_size, print_facts, print_json

    found = import_weights(
        file.expanduser(),
        model,
        name=name,
        classes=class_list(classes),
        image_size=image_size,
        folder=weights_dir,
        overwrite=overwrite,
    )
    header = found.header
    if as_json:
        print_json(
            {
                "name": found.name,
                "path": found.path,
                "model": header.model,
                "layout": found.layout,
                "classes": list(header.classes),
                "input_size": header.input_size,
                "notes": list(found.notes),
            }
        )
        return
    count = counted(len(header.classes), "class", "classes")
    print_facts(
        {
            "model": f"{header.model} ({header.distribution} {header.version}), {count}, "
            f"input {format_shape(header.input_size)}",
            "keys": "cvp's own" if found.layout == "cvp" else found.layout,
            "note": "\n".join(found.notes),
            "weights": f"{found.path} ({format_size(found.path.stat().st_size)})",
            "next": f"cvp predict {found.name} photo.jpg",
        }
    )
