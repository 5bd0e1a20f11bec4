"""Discovery: every installed plugin is loaded in isolation; a broken one is reported, never fatal.

The loop is ours because pluggy's own stops at the first plugin that raises and silently skips a
repeated name. Each plugin gets a pluggy manager of its own, so that one cannot disturb another.
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from . import hookspecs
from .errors import CvpError, PluginError
from .hookspecs import CVP_API, ENTRY_POINT_GROUP
from .spec import BackendSpec, DatasetSpec, ModelSpec, RecipeSpec

__all__ = ["Plugin", "discover", "load_target", "strict"]


@dataclass(frozen=True)
class Plugin:
    """One entry point of the group `cvp`: what it declares, or why it is left out."""

    distribution: str
    version: str
    module: str
    manager: pluggy.PluginManager | None = field(default=None, repr=False)
    models: tuple[ModelSpec, ...] = ()
    datasets: tuple[DatasetSpec, ...] = ()
    backends: tuple[BackendSpec, ...] = ()
    recipes: tuple[RecipeSpec, ...] = ()
    error: str = ""
    traceback: str = ""

    @property
    def label(self) -> str:
        return f"{self.distribution} {self.version}".strip()

    def collect(self, hook: str, expected: type | None = None) -> tuple[Any, ...]:
        """The items of one hook. Raises PluginError, naming plugin and hook, on anything but such items."""
        if self.manager is None:
            return ()
        try:
            with contextlib.redirect_stdout(sys.stderr):
                answers = getattr(self.manager.hook, hook)()
                items = [item for answer in answers for item in _as_list(answer)]
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise PluginError(f"{self.label}: {hook} failed: {_one_line(error)}") from error
        for item in items:
            if expected is not None and not isinstance(item, expected):
                raise PluginError(
                    f"{self.label}: {hook} returned {_shorten(repr(item))}, expected {expected.__name__} objects"
                )
        return tuple(items)


def strict() -> bool:
    """Whether $CVP_STRICT asks that a broken plugin ends the program, as in CI."""
    return os.environ.get("CVP_STRICT", "") not in ("", "0")


@cache
def discover() -> tuple[Plugin, ...]:
    """All installed plugins by distribution name, the broken ones with their `error`.

    Raises PluginError for a broken one if `strict()`. The answer is kept for the life of the process.
    """
    found = sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda entry: (_distribution(entry)[0], entry.name))
    plugins = tuple(_load(entry) for entry in found)
    broken = [plugin for plugin in plugins if plugin.error]
    if broken and strict():
        lines = "; ".join(f"{plugin.label}: {plugin.error}" for plugin in broken)
        raise PluginError(f"CVP_STRICT is set and {len(broken)} plugin(s) are broken: {lines}")
    return plugins


def load_target(target: str, owner: str) -> Any:
    """The object that "package.module:name" stands for. Raises PluginError that names `owner`."""
    module, _, name = target.partition(":")
    try:
        return getattr(import_module(module), name)
    except CvpError:
        raise
    except Exception as error:
        raise PluginError(f"{owner}: cannot load {target}: {_one_line(error)}") from error


def _distribution(entry: EntryPoint) -> tuple[str, str]:
    dist = entry.dist
    return (dist.name, dist.version) if dist is not None else (entry.module, "")


def _load(entry: EntryPoint) -> Plugin:
    distribution, version = _distribution(entry)
    module = entry.value
    try:
        # A plugin that prints while it is imported must not spoil the JSON on stdout.
        with contextlib.redirect_stdout(sys.stderr):
            plugin = Plugin(distribution, version, module, _register(entry))
        models = plugin.collect("cvp_models", ModelSpec)
        _check_unique(models)
        return Plugin(
            distribution,
            version,
            module,
            plugin.manager,
            models=models,
            datasets=plugin.collect("cvp_datasets", DatasetSpec),
            backends=plugin.collect("cvp_backends", BackendSpec),
            recipes=plugin.collect("cvp_recipes", RecipeSpec),
        )
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - even SystemExit: nothing that a plugin does may end cvp
        reason = _one_line(error).removeprefix(f"{distribution} {version}: ")
        return Plugin(distribution, version, module, error=reason, traceback=traceback.format_exc())


def _register(entry: EntryPoint) -> pluggy.PluginManager:
    module = entry.load()
    api = getattr(module, "CVP_API", None)
    if api != CVP_API:
        raise PluginError(f"declares CVP_API = {api!r}, this cvp-core speaks {CVP_API}; update the plugin or cvp-core")
    manager = pluggy.PluginManager("cvp")
    manager.add_hookspecs(hookspecs)
    manager.register(module, name=entry.value)
    manager.check_pending()  # a misspelt hook would otherwise be ignored
    return manager


def _as_list(answer: object) -> list[Any]:
    if not isinstance(answer, Iterable) or isinstance(answer, str | bytes):
        raise TypeError(f"returned {_shorten(repr(answer))}, expected a list")
    return list(answer)


def _check_unique(models: tuple[ModelSpec, ...]) -> None:
    names = [spec.name for spec in models]
    families = [spec.family for spec in models if spec.default]
    for kind, values in (("model", names), ("default of family", families)):
        for value in values:
            if values.count(value) > 1:
                raise PluginError(f"declares the {kind} '{value}' twice")


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, CvpError) and text:
        return text
    return _shorten(f"{type(error).__name__}: {text}" if text else type(error).__name__, 300)


def _shorten(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
