"""Writes a family's weights.json from what the bridges list: `python -m cvp_core.foreign.publications cvp-resnet ...`.

The family reads it with `cvp_core.weights.read_weights`. Its `layouts` say which networks of the libraries are its own.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from ..errors import PluginError
from ..plugins import Plugin, plugins_of
from ..registry import models
from ..spec import ModelSpec, WeightsSpec
from ..weights.convert import SOURCES
from ..weights.listing import write_weights

__all__ = ["main", "publications", "published_for"]

FILE = "weights.json"


def published_for(spec: ModelSpec) -> tuple[WeightsSpec, ...]:
    """What the libraries publish for this very network, in the order of its layouts.

    Only what has the same classes, with names that need no other package, and takes pictures with as many channels.
    Raises UnknownNameError for a network that its library's bridge does not list.
    """
    return tuple(weights for weights in _of_the_libraries(spec) if _fits(spec, weights))


def _of_the_libraries(spec: ModelSpec) -> Iterator[WeightsSpec]:
    for library, name in spec.layouts.items():
        if library in SOURCES:  # no other has a bridge
            yield from models().get(f"{library}/{name}").spec.weights


def _fits(spec: ModelSpec, weights: WeightsSpec) -> bool:
    has_same_classes = weights.classes == spec.num_classes and not weights.labels
    return has_same_classes and weights.preprocess.channels == spec.input_size[0]


def publications(plugin: Plugin) -> tuple[Path, dict[str, tuple[WeightsSpec, ...]]]:
    """A family's file, and what belongs into it. Raises PluginError for a plugin that is broken."""
    found = find_spec(plugin.module) if not plugin.error else None
    if found is None or found.origin is None:
        raise PluginError(f"{plugin.label} is broken: {plugin.error or 'no file'}; `cvp doctor` shows the traceback")
    return Path(found.origin).with_name(FILE), {spec.name: published_for(spec) for spec in plugin.models}


def main(distributions: Sequence[str]) -> None:
    for distribution in distributions:
        plugins = plugins_of(distribution)
        if not plugins:
            raise PluginError(f"no plugin '{distribution}' is installed; `cvp plugins list` shows which are")
        for plugin in plugins:
            write_weights(*publications(plugin))


if __name__ == "__main__":
    main(sys.argv[1:])
