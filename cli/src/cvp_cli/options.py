"""Options and types that several commands share, so that the same thing is spelt the same everywhere."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

import click

__all__ = [
    "IMAGE_SIZE",
    "QUANTITY",
    "ImageSize",
    "Quantity",
    "artifact_options",
    "batch_size_option",
    "data_argument",
    "data_option",
    "device_option",
    "image_size_option",
    "json_option",
    "offline_option",
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


def data_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """--data and how to read it, which becomes a part of it: whoever opens it later finds it there."""
    data = click.option(
        "--data",
        metavar="DATA",
        help="A folder of class folders, a .zip or .tar of one, here or at https://..., a list file, a .csv, .tsv or "
        ".parquet, several as 'train-*.parquet', WebDataset shards, hf://OWNER/NAME, or a name (`cvp data list`).",
    )
    return data(_reading_options(command, "data"))


def data_argument(name: str = "data", metavar: str = "DATA") -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The same as an argument."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        return click.argument(name, metavar=metavar)(_reading_options(command, name))

    return decorate


def _reading_options(command: Callable[..., Any], name: str) -> Callable[..., Any]:
    @wraps(command)
    def told(image_column: str | None, label_column: str | None, follow: bool, **given: Any) -> Any:
        columns = {"--image-column": image_column, "--label-column": label_column}
        asked = [option for option, column in columns.items() if column is not None] + ["--follow"] * follow
        if asked:
            from cvp_core.data.address import Address, with_reading

            if given[name] is None:
                raise click.UsageError(f"{' and '.join(asked)} is how to read --data, which is missing")
            given[name] = with_reading(given[name], image_column, label_column)
            files = [key for key in (name, "val_data") if given.get(key) and Address.parse(given[key]).names_pictures]
            for key in (files or [name]) if follow else []:
                given[key] = with_reading(given[key], follow=True)
        return command(**given)

    image = click.option("--image-column", metavar="NAME", help="Of a table: where the pictures are.")
    label = click.option("--label-column", metavar="NAME", help="Of a table: what they show.")
    follow = click.option("--follow", is_flag=True, help="Of a list or a table: paths may lead out of its folder.")
    return image(label(follow(told)))


def artifact_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--trust and --fallback, for commands that run artifacts."""
    trust = click.option("--trust", is_flag=True, help="Run an artifact's code although this cvp did not write it.")
    fallback = click.option("--fallback", is_flag=True, help="Where an artifact is refused, run its plain model.")
    return trust(fallback(command))


def _stay_offline(ctx: click.Context, param: click.Parameter, is_wanted: bool) -> None:
    from cvp_core.download import OFFLINE

    if is_wanted and OFFLINE not in os.environ:
        os.environ[OFFLINE] = "1"
        ctx.call_on_close(lambda: os.environ.pop(OFFLINE, None))


offline_option = click.option(
    "--offline",
    is_flag=True,
    expose_value=False,
    callback=_stay_offline,
    help="Download nothing; $CVP_OFFLINE says the same.",
)
