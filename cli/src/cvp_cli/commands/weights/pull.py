"""`cvp weights pull`: published weights onto this machine, verified and converted."""

from __future__ import annotations

import click

from ...options import json_option, offline_option

__all__ = ["command"]


@click.command("pull")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@offline_option
@json_option
def command(names: tuple[str, ...], as_json: bool) -> None:
    """Bring published weights to this machine.

    NAME is MODEL.WEIGHTS, a model for its best ones, or hf://OWNER/REPO for weights of cvp there.
    $CVP_WEIGHTS_MIRROR names folders or URLs to look at first, $HF_ENDPOINT another hub.

    \b
    cvp weights pull resnet50.imagenet1k_v2
    cvp weights pull resnet18 dpn92
    """
    from cvp_core.weights.hub import HUB, pulled_from_hub
    from cvp_core.weights.pretrained import find_published, pulled

    from ...output import format_size, print_json

    # All names first, so that a mistake in the second is found before the first takes its minutes.
    wanted = {name: None if name.startswith(HUB) else find_published(name) for name in names}
    rows = []
    for typed, found in wanted.items():
        was_here = found is not None and found.is_here
        path = pulled_from_hub(typed) if found is None else pulled(found)
        name = typed if found is None else found.name
        rows.append({"name": name, "path": path, "size_bytes": path.stat().st_size, "was_here": was_here})
        if not as_json:
            facts = [format_size(path.stat().st_size), *([found.weights.licence] if found else [])]
            click.echo(f"{'here already' if was_here else 'pulled'}  {name}  {path} ({', '.join(filter(None, facts))})")
    if as_json:
        print_json(rows)
    else:
        click.echo(f"next  cvp predict {rows[0]['name']} photo.jpg")
