"""`cvp weights export`: weights as a state dict that torchvision or timm loads."""

from __future__ import annotations

from pathlib import Path

import click

from ...options import json_option, offline_option, weights_dir_option

__all__ = ["command"]


@click.command("export")
@click.argument("name")
@click.option("--format", "library", type=click.Choice(["torchvision", "timm"]), required=True, help="Whose keys.")
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="NAME-FORMAT.safetensors, or .pth."
)
@offline_option
@weights_dir_option
@json_option
def command(name: str, library: str, output: Path | None, weights_dir: str | None, as_json: bool) -> None:
    """Write weights for torchvision or timm.

    NAME, a name or a file, becomes a state dict that the library's own network loads, equal to the bit.

    \b
    cvp weights export densenet121-birds --format timm -o birds.pth
    """
    from cvp_core.errors import WeightsError
    from cvp_core.weights.exporting import export_weights
    from cvp_core.weights.store import SUFFIX, find_trained

    from ...output import counted, format_size, print_facts, print_json

    file = find_trained(name, weights_dir)
    if file.is_dir():
        raise WeightsError(f"{file} is an artifact; export the weights that it was compiled from")
    path = (output or Path(f"{file.name.removesuffix(SUFFIX)}-{library}{SUFFIX}")).expanduser()
    written = export_weights(file, library, path)
    classes = len(written.header.classes)
    if as_json:
        print_json(
            {"path": path, "format": library, "model": written.model, "tensors": written.tensors, "classes": classes}
        )
        return
    make = f"{library}.{'models.get_model' if library == 'torchvision' else 'create_model'}"
    read = "torch.load(FILE)" if path.suffix == ".pth" else "safetensors.torch.load_file(FILE)"
    print_facts(
        {
            "weights": f"{path} ({format_size(path.stat().st_size)}, {counted(written.tensors, 'tensor')})",
            "model": f"{library}'s {written.model} with {counted(classes, 'class', 'classes')}",
            "next": f"{make}('{written.model}', num_classes={classes}).load_state_dict({read})",
        }
    )
