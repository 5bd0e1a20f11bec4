"""Options and types that several commands share, so that the same thing is spelt the same everywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import click

__all__ = [
    "IMAGE_SIZE",
    "QUANTITY",
    "ImageSize",
    "Quantity",
    "artifact_options",
    "batch_size_option",
    "data_option",
    "device_option",
    "image_size_option",
    "json_option",
    "weights_dir_option",
    "workers_option",
]

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "b": 10**9, "t": 10**12}


class Quantity(click.ParamType):
    """A count with an optional unit, as tables show it: 7978856, 10M, "2.83 G", 1e6."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+\.?\d*(?:e\d{1,2})?|\.\d+)\s*([kmgbt]?)", str(value).strip().lower())
        if match is None:
            self.fail(f"{value!r} is not a count such as 500k, 10M or 2.5G", param, ctx)
        return round(float(match[1]) * _UNITS[match[2]])


class ImageSize(click.ParamType):
    """Pixels as (height, width): 224 or 192x256."""

    name = "pixels"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        match = re.fullmatch(r"([1-9]\d{0,4})(?:\s*[x×]\s*([1-9]\d{0,4}))?", str(value).strip().lower())
        if match is None:
            self.fail(f"{value!r} is not a size in pixels such as 224 or 192x256 (height x width)", param, ctx)
        return int(match[1]), int(match[2] or match[1])


QUANTITY = Quantity()
IMAGE_SIZE = ImageSize()

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
data_option = click.option(
    "--data",
    metavar="DATA",
    help="A folder of class folders, an archive of one, a list file, a .csv, or a name (`cvp data list`).",
)
device_option = click.option(
    "--device", default="auto", show_default=True, metavar="DEVICE", help="auto, cpu, cuda, cuda:1, mps, ..."
)
weights_dir_option = click.option(
    "--weights-dir",
    type=click.Path(file_okay=False),
    help="The weight store; otherwise $CVP_WEIGHTS, ./weights, or your data folder.",
)
batch_size_option = click.option("--batch-size", type=click.IntRange(min=1), help="Pictures at a time.")
workers_option = click.option("--workers", type=click.IntRange(min=0), help="Processes that read pictures.")
image_size_option = click.option(
    "--image-size", type=IMAGE_SIZE, metavar="PIXELS", help="A side, or height x width: 224, 192x256."
)


def artifact_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--trust and --fallback, for commands that run artifacts."""
    trust = click.option("--trust", is_flag=True, help="Run an artifact's code although this cvp did not write it.")
    fallback = click.option("--fallback", is_flag=True, help="Where an artifact is refused, run its plain model.")
    return trust(fallback(command))
