"""What core itself brings, registered through the same hooks as any plugin."""

from __future__ import annotations

from .hookspecs import hookimpl
from .spec import BackendSpec, DatasetSpec, RecipeSpec

CVP_API = 1

__all__ = ["CVP_API", "cvp_backends", "cvp_datasets", "cvp_recipes"]


@hookimpl
def cvp_datasets() -> tuple[DatasetSpec, ...]:
    from .data.named import SPECS

    return SPECS


@hookimpl
def cvp_backends() -> tuple[BackendSpec, ...]:
    from .compile.backends import SPECS

    return SPECS


@hookimpl
def cvp_recipes() -> tuple[RecipeSpec, ...]:
    from .train.cookbook import SPECS

    return SPECS
