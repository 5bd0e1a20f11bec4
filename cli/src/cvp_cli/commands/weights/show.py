"""`cvp weights show`: what a weights file says of itself, and what its parts weigh."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ...options import json_option, weights_dir_option

if TYPE_CHECKING:
    from cvp_core.weights.contents import Entry
    from cvp_core.weights.header import Header
    from cvp_core.weights.inventory import Stored

__all__ = ["command"]

_MOST_CLASSES = 8


@click.command("show")
@click.argument("name")
@weights_dir_option
@json_option
def command(name: str, weights_dir: str | None, as_json: bool) -> None:
    """Show what weights are: model, classes, sizes by part.

    NAME is a name of `cvp weights list --here`, or a file.
    """
    from cvp_core.weights.contents import read_contents
    from cvp_core.weights.inventory import find_stored

    from ...output import format_count, format_size, print_facts, print_json, print_table

    found = find_stored(name, weights_dir)
    file = found.path / "weights.safetensors" if found.path.is_dir() else found.path
    parts = _parts(read_contents(file).tensors)
    header = _header(found)
    if as_json:
        print_json({"name": found.name, "kind": found.kind, "path": found.path, **header.to_json(), "parts": parts})
        return
    print_facts(_facts(found, header))
    click.echo()
    rows = [
        (part, str(row["tensors"]), format_count(row["values"]), format_size(row["size_bytes"]), row["types"])
        for part, row in parts.items()
    ]
    print_table(("PART", "TENSORS", "VALUES", "SIZE", "TYPES"), rows, right=("TENSORS", "VALUES", "SIZE"))


def _header(found: Stored) -> Header:
    from cvp_core.errors import WeightsError

    if found.header is None:
        raise WeightsError(found.error)
    return found.header


def _facts(found: Stored, header: Header) -> dict[str, str]:
    from ...output import counted, format_percent, format_shape, format_size

    classes = ", ".join(header.classes[:_MOST_CLASSES])
    if len(header.classes) > _MOST_CLASSES:
        classes += f" and {len(header.classes) - _MOST_CLASSES} more"
    crop = f"resized to {header.preprocess.resize}, cropped" if header.preprocess.resize else "resized"
    hidden = ", with a hidden layer before the classes" if header.head == "mlp" else ""
    metrics = {
        key: format_percent(value) if key.startswith("top") and isinstance(value, float) else f"{value:.6g}"
        for key, value in header.metrics.items()
        if isinstance(value, int | float)
    }
    return {
        "weights": f"{found.path} ({found.kind}, {format_size(found.size_bytes)})",
        "model": f"{header.model} ({header.distribution} {header.version}){hidden}",
        "classes": f"{counted(len(header.classes), 'class', 'classes')}: {classes}",
        "input": f"{format_shape(header.input_size)}; pictures are {crop} to {format_shape(header.preprocess.size)}, "
        f"{header.preprocess.interpolation}, mean {_numbers(header.preprocess.mean)}, "
        f"std {_numbers(header.preprocess.std)}",
        "metrics": ", ".join(f"{key} {value}" for key, value in metrics.items()),
        "from": header.parent,
        "training": ", ".join(f"{key} {value}" for key, value in header.training.items() if value not in ("", None)),
    }


def _parts(tensors: dict[str, Entry] | Any) -> dict[str, dict[str, Any]]:
    """Counts by the beginning of the names: stem, stages.0, stages.1, ..., head."""
    parts: dict[str, dict[str, Any]] = {}
    for name, entry in sorted(tensors.items(), key=lambda item: _natural(item[0])):
        words = name.split(".")
        part = ".".join(words[: 2 if words[0] in ("stages", "net") else 1])
        row = parts.setdefault(part, {"tensors": 0, "values": 0, "size_bytes": 0, "types": ""})
        row["tensors"] += 1
        row["values"] += entry.count
        row["size_bytes"] += entry.end - entry.start
        row["types"] = ", ".join(sorted({*filter(None, row["types"].split(", ")), entry.dtype}))
    last = parts.pop("head", None)
    first = parts.pop("stem", None)
    return {**({"stem": first} if first else {}), **parts, **({"head": last} if last else {})}


def _natural(name: str) -> list[str | int]:
    from cvp_core.registry import natural_key

    return natural_key(name)


def _numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{value:g}" for value in values)
