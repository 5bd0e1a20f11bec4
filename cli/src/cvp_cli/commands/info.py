"""`cvp info`: the facts of one model, and its layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..options import image_size_option, json_option

if TYPE_CHECKING:
    from cvp_core import ModelSpec, WeightsSpec
    from cvp_core.catalogue import Claim
    from cvp_core.summary import Layer

__all__ = ["command"]


@click.command("info")
@click.argument("model")
@click.option("--layers", "with_layers", is_flag=True, help="Build the model and list its layers.")
@image_size_option
@click.option("--num-classes", type=click.IntRange(min=1), help="Count with so many classes.")
@click.option("--in-channels", type=click.IntRange(min=1), help="Count with so many channels: 1 for grey.")
@json_option
def command(
    model: str,
    with_layers: bool,
    image_size: tuple[int, int] | None,
    num_classes: int | None,
    in_channels: int | None,
    as_json: bool,
) -> None:
    """Show what a model is, costs and comes from.

    MODEL is a name or a family (its default). With a size, a class or a channel count it is built without
    memory and counted anew, stage by stage.
    """
    from cvp_core.registry import find_model

    from ..output import print_facts, print_json

    claim = find_model(model)
    facts = _document(claim)
    is_built = with_layers or any((image_size, num_classes, in_channels))
    if is_built:
        channels, *size = claim.spec.input_size
        input_size = (in_channels or channels, *(image_size or size))
        classes = num_classes or claim.spec.num_classes
        stages, layers = _count(claim, classes, input_size)
        facts |= {
            "input_size": input_size,
            "num_classes": classes,
            "parameters": sum(layer.parameters for layer in layers),
            "macs": sum(layer.macs for layer in layers),
            "stages": [_layer_document(stage) for stage in stages],
        }
        if with_layers:
            facts["layers"] = [_layer_document(layer) for layer in layers]
    if as_json:
        print_json(facts)
        return

    print_facts(_screen(claim, facts))
    if is_built:
        click.echo()
        _print_layers("STAGE", stages)
        if with_layers:
            click.echo()
            _print_layers("LAYER", layers)
    else:
        name = facts["name"]
        click.echo()
        print_facts({"next": f"cvp info {name} --layers\ncvp train {name} --data birds"})


def _document(claim: Claim[ModelSpec]) -> dict[str, Any]:
    from cvp_core.registry import families, models

    spec = claim.spec
    return {
        "name": models().label(spec.name, claim),
        "family": spec.family,
        "default": spec.default and families().label(spec.family, claim) == spec.family,
        "distribution": claim.plugin.distribution,
        "version": claim.plugin.version,
        "parameters": spec.parameters,
        "macs": spec.macs,
        "input_size": spec.input_size,
        "num_classes": spec.num_classes,
        "min_size": spec.min_size,
        "any_size": spec.any_size,
        "preprocess": spec.preprocess.to_json(),
        "variant": dict(spec.variant),
        "builder": spec.builder,
        "licence": spec.licence,
        "paper": {
            "title": spec.paper.title,
            "authors": spec.paper.authors,
            "year": spec.paper.year,
            "arxiv": spec.paper.arxiv,
            "url": spec.paper.url,
        },
        "weights": [
            {
                "name": weights.name,
                "source": weights.source,
                "classes": weights.classes,
                "top1": weights.top1,
                "top5": weights.top5,
                "licence": weights.licence,
                "url": weights.url,
                "sha256": weights.sha256,
            }
            for weights in spec.weights
        ],
    }


def _screen(claim: Claim[ModelSpec], facts: dict[str, Any]) -> dict[str, str]:
    from ..output import format_count, format_shape

    spec, preprocess = claim.spec, claim.spec.preprocess
    family = f"{spec.family}, whose default it is" if facts["default"] else spec.family
    sizes = f"any size from {spec.min_size}x{spec.min_size} pixels" if spec.any_size else "this size only"
    frame = format_shape(preprocess.size)
    crop = f"shorter side to {preprocess.resize}, centre crop {frame}" if preprocess.resize else f"resize to {frame}"
    paper = ", ".join(filter(None, (spec.paper.authors, str(spec.paper.year or ""), spec.paper.url)))
    return {
        "model": f"{facts['name']} ({claim.plugin.label})",
        "family": family,
        "parameters": f"{format_count(facts['parameters'])} ({facts['parameters']:,})",
        "MACs": f"{format_count(facts['macs'])} ({facts['macs']:,}) for one picture",
        "input": f"{format_shape(facts['input_size'])}, {sizes}",
        "classes": str(facts["num_classes"]),
        "preprocess": f"{crop}, {preprocess.interpolation}\n"
        f"mean {_numbers(preprocess.mean)}, std {_numbers(preprocess.std)}",
        "variant": ", ".join(f"{name} {_value(value)}" for name, value in spec.variant.items()),
        "paper": "\n".join(filter(None, (spec.paper.title, paper))),
        "licence": spec.licence,
        "weights": "\n".join(_weights_line(weights) for weights in spec.weights) or "none published for it",
    }


def _weights_line(weights: WeightsSpec) -> str:
    top1 = f"top-1 {weights.top1:.1f} %" if weights.top1 is not None else ""
    facts = (weights.name, f"{weights.classes} classes", top1, weights.source, weights.licence)
    return ", ".join(filter(None, facts))


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:.4g}" for value in values)


def _value(value: object) -> str:
    if isinstance(value, list | tuple):
        return "(" + " ".join(_value(item) for item in value) + ")"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _count(
    claim: Claim[ModelSpec], num_classes: int, input_size: tuple[int, int, int]
) -> tuple[list[Layer], list[Layer]]:
    from cvp_core.summary import blank_model, layer_table, stage_table

    model = blank_model(claim, num_classes, input_size)
    return stage_table(model, input_size), layer_table(model, input_size)


def _layer_document(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "type": layer.type,
        "output_shape": layer.output_shape,
        "parameters": layer.parameters,
        "macs": layer.macs,
    }


def _print_layers(heading: str, layers: list[Layer]) -> None:
    from ..output import format_shape, print_table

    total = (
        "total",
        "",
        "",
        f"{sum(row.parameters for row in layers):,}",
        f"{sum(row.macs for row in layers):,}",
    )
    rows = [
        (row.name, row.type, format_shape(row.output_shape), f"{row.parameters:,}", f"{row.macs:,}") for row in layers
    ]
    print_table((heading, "TYPE", "OUTPUT", "PARAMETERS", "MACs"), [*rows, total], right=("PARAMETERS", "MACs"))
