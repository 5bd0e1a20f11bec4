"""What a network makes of pictures as numbers: computed, kept in a file, searched, and drawn as a map."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .chart import Layout, plot_map, project
    from .compute import Embedded, Embedder, embed, open_embedder
    from .neighbours import Found, Neighbour, embedder_of, similar
    from .pages import neighbour_page
    from .search import nearest
    from .selection import Selection
    from .table import FeatureTable, Source, read_table, write_table

__all__ = [
    "Embedded",
    "Embedder",
    "FeatureTable",
    "Found",
    "Layout",
    "Neighbour",
    "Selection",
    "Source",
    "embed",
    "embedder_of",
    "nearest",
    "neighbour_page",
    "open_embedder",
    "plot_map",
    "project",
    "read_table",
    "similar",
    "write_table",
]

_HOMES = {
    "chart": ("Layout", "plot_map", "project"),
    "compute": ("Embedded", "Embedder", "embed", "open_embedder"),
    "neighbours": ("Found", "Neighbour", "embedder_of", "similar"),
    "pages": ("neighbour_page",),
    "search": ("nearest",),
    "selection": ("Selection",),
    "table": ("FeatureTable", "Source", "read_table", "write_table"),
}
_LAZY = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
