"""The data sets that have a name."""

from __future__ import annotations

from ..spec import DatasetSpec

__all__ = ["SPECS"]

SPECS: tuple[DatasetSpec, ...] = ()
