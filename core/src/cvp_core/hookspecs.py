"""The plugin contract, all of it.

A plugin is a module named by an entry point of the group `cvp`, with `CVP_API = 1` and any of these
functions marked `@hookimpl`. Hooks return data, have no side effects and import nothing heavy: what they
name as "package.module:function" is imported when it is used.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pluggy

from .spec import BackendSpec, DatasetSpec, ModelSpec, RecipeSpec

if TYPE_CHECKING:
    import click

    from .train.events import Callback

__all__ = ["CVP_API", "ENTRY_POINT_GROUP", "hookimpl", "hookspec"]

CVP_API = 1
ENTRY_POINT_GROUP = "cvp"

hookspec = pluggy.HookspecMarker("cvp")
hookimpl = pluggy.HookimplMarker("cvp")


@hookspec
def cvp_models() -> Iterable[ModelSpec]:  # type: ignore[empty-body]
    """The models that this plugin builds."""


@hookspec
def cvp_datasets() -> Iterable[DatasetSpec]:  # type: ignore[empty-body]
    """Data sets that `--data NAME` opens."""


@hookspec
def cvp_backends() -> Iterable[BackendSpec]:  # type: ignore[empty-body]
    """Ways to compile a model."""


@hookspec
def cvp_recipes() -> Iterable[RecipeSpec]:  # type: ignore[empty-body]
    """Named training configurations."""


@hookspec
def cvp_commands() -> Iterable[click.Command]:  # type: ignore[empty-body]
    """Further commands of `cvp`."""


@hookspec
def cvp_callbacks() -> Iterable[Callback]:  # type: ignore[empty-body]
    """Listeners to the events of a training run, such as experiment trackers."""
