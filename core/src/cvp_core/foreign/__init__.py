"""Bridges: the networks of another library as models of cvp, listed from an index file without importing it.

A bridge is a plugin of three files. `survey` and `write_index` make the index, once, where the library is installed;
`read_index` turns it into specs; the builder adapts what the library builds with `ForeignClassifier`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .index import Row, read_index, read_rows, renewed, write_index

if TYPE_CHECKING:
    from .facts import Surveyed, survey
    from .network import ForeignClassifier, convert

__all__ = [
    "ForeignClassifier",
    "Row",
    "Surveyed",
    "convert",
    "read_index",
    "read_rows",
    "renewed",
    "survey",
    "write_index",
]

_LAZY = {"ForeignClassifier": "network", "convert": "network", "Surveyed": "facts", "survey": "facts"}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
