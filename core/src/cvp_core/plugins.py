"""Discovery: every installed plugin is loaded in isolation; a broken one is reported, never fatal.

The loop is ours because pluggy's own stops at the first plugin that raises and silently skips a
repeated name. Each plugin gets a pluggy manager of its own, so that one cannot disturb another.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
import traceback
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.metadata import Distribution, EntryPoint
from typing import Any

import pluggy

from . import hookspecs
from .distributions import plugin_distributions
from .errors import PluginError
from .hookspecs import CVP_API, ENTRY_POINT_GROUP
from .spec import BackendSpec, DatasetSpec, ModelSpec, Paper, Preprocess, RecipeSpec, WeightsSpec
from .targets import one_line, shorten

__all__ = [
    "Plugin",
    "discover",
    "has_discovered",
    "load_all",
    "plugins_of",
    "strict",
]

HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("cvp_"))


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
                caller = getattr(self.manager.hook, hook)
                answers = caller()
                if caller.get_hookimpls() and not answers:  # pluggy drops None
                    raise TypeError("returned None, expected a list")
                items = [item for answer in answers for item in _as_list(answer)]
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise PluginError(f"{self.label}: {hook} failed: {one_line(error)}") from error
        for item in items:
            if expected is not None and not isinstance(item, expected):
                given = shorten(repr(item))
                raise PluginError(f"{self.label}: {hook} returned {given}, expected {expected.__name__} objects")
        return tuple(items)


def strict() -> bool:
    """Whether $CVP_STRICT asks that a broken plugin ends the program, as in CI."""
    return os.environ.get("CVP_STRICT", "") not in ("", "0")


@cache
def discover() -> tuple[Plugin, ...]:
    """All installed plugins by distribution name, the broken ones with their `error`.

    Raises PluginError for a broken one if `strict()`. The answer is kept for the life of the process.
    """
    plugins = load_all()
    broken = [plugin for plugin in plugins if plugin.error]
    if broken and strict():
        lines = "; ".join(f"{plugin.label}: {plugin.error}" for plugin in broken)
        raise PluginError(f"CVP_STRICT is set and {len(broken)} plugin(s) are broken: {lines}")
    return plugins


def load_all() -> tuple[Plugin, ...]:
    """What `discover` gives, loaded anew and without raising."""
    return tuple(_without_repeats(_loaded(plugin_distributions())))


def plugins_of(distribution: str) -> tuple[Plugin, ...]:
    """The plugins of one distribution, the broken ones with their `error`; no other is loaded for it."""
    if has_discovered():
        return tuple(plugin for plugin in discover() if plugin.distribution == distribution)
    return tuple(_loaded(found for found in plugin_distributions(distribution) if found[0] == distribution))


def has_discovered() -> bool:
    """Whether `discover` was called already."""
    return discover.cache_info().currsize > 0


def _loaded(found: Iterable[tuple[str, str, Distribution]]) -> list[Plugin]:
    entries = sorted(_entries(found), key=lambda entry: (entry[0], entry[1], str(entry[2])))
    return [_load(name, version, entry) if isinstance(entry, EntryPoint) else entry for name, version, entry in entries]


def _entries(
    found: Iterable[tuple[str, str, Distribution]],
) -> Iterable[tuple[str, str, EntryPoint | Plugin]]:
    """(distribution, version, entry point) of every plugin; a Plugin with an error where its list is damaged."""
    for name, version, distribution in found:
        try:
            entries = distribution.entry_points.select(group=ENTRY_POINT_GROUP)
        except Exception as error:  # noqa: BLE001 - whatever its parser makes of a damaged file
            reason = f"its entry_points.txt is damaged ({one_line(error)})"
            yield name, version, Plugin(name, version, "", error=reason, traceback=traceback.format_exc())
            continue
        yield from ((name, version, entry) for entry in entries)


def _without_repeats(plugins: Iterable[Plugin]) -> Iterable[Plugin]:
    """Faults a plugin that repeats a model of its distribution: 'distribution/name' must be unique."""
    owners: dict[tuple[str, str], str] = {}
    for plugin in plugins:
        twice = [spec.name for spec in plugin.models if (plugin.distribution, spec.name) in owners]
        if twice:
            other = owners[plugin.distribution, twice[0]]
            reason = f"declares the model '{twice[0]}', which {other} of the same distribution declares too"
            yield Plugin(plugin.distribution, plugin.version, plugin.module, error=reason, traceback=reason + "\n")
            continue
        owners.update({(plugin.distribution, spec.name): plugin.module for spec in plugin.models})
        yield plugin


def _load(distribution: str, version: str, entry: EntryPoint) -> Plugin:
    module = entry.value
    try:
        # A plugin that prints while it is imported must not spoil the JSON on stdout.
        with contextlib.redirect_stdout(sys.stderr):
            plugin = Plugin(distribution, version, module, _register(entry))
        models = plugin.collect("cvp_models", ModelSpec)
        _check_models(models)
        return replace(
            plugin,
            models=models,
            datasets=plugin.collect("cvp_datasets", DatasetSpec),
            backends=plugin.collect("cvp_backends", BackendSpec),
            recipes=plugin.collect("cvp_recipes", RecipeSpec),
        )
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - even SystemExit: nothing that a plugin does may end cvp
        reason = one_line(error).removeprefix(f"{distribution} {version}: ")
        return Plugin(distribution, version, module, error=reason, traceback=traceback.format_exc())


def _register(entry: EntryPoint) -> pluggy.PluginManager:
    if not EntryPoint.pattern.fullmatch(entry.value):
        raise PluginError(f"its entry point '{entry.name} = {entry.value}' does not name a module")
    module = entry.load()
    api = getattr(module, "CVP_API", None)
    if api != CVP_API:
        raise PluginError(f"declares CVP_API = {api!r}, this cvp-core speaks {CVP_API}; update the plugin or cvp-core")
    manager = pluggy.PluginManager("cvp")
    manager.add_hookspecs(hookspecs)
    manager.register(module, name=entry.value)
    for name in dir(module):  # pluggy would pass over both mistakes in silence
        options = getattr(getattr(module, name), "cvp_impl", None)
        hook = (options or {}).get("specname") or name
        if options and hook not in HOOKS:
            near = difflib.get_close_matches(hook, HOOKS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"the hooks are {', '.join(HOOKS)}"
            raise PluginError(f"implements the unknown hook '{hook}'; {hint}")
        if not options and name in HOOKS:
            raise PluginError(f"'{name}' is not marked @hookimpl")
    return manager


def _as_list(answer: object) -> list[Any]:
    if not isinstance(answer, Iterable) or isinstance(answer, str | bytes):
        raise TypeError(f"returned {shorten(repr(answer))}, expected a list")
    return list(answer)


def _check_models(models: tuple[ModelSpec, ...]) -> None:
    """What the dataclass does not check by itself: the types that listings rely on, and names given twice."""
    for spec in models:
        numbers = (spec.parameters, spec.macs, spec.num_classes, spec.min_size, *spec.input_size)
        if not all(isinstance(number, int) for number in numbers):
            raise PluginError(f"{spec.name}: parameters, macs, num_classes, min_size and input_size must be integers")
        if not all(isinstance(weights, WeightsSpec) for weights in spec.weights):
            raise PluginError(f"{spec.name}: weights must be WeightsSpec objects")
        for value, expected in ((spec.paper, Paper), (spec.preprocess, Preprocess), (spec.licence, str)):
            if not isinstance(value, expected):
                raise PluginError(f"{spec.name}: {shorten(repr(value))} given, expected {expected.__name__}")
    names = [spec.name for spec in models]
    families = [spec.family for spec in models if spec.default]
    for kind, values in (("model", names), ("default of family", families)):
        if len(set(values)) < len(values):
            twice = next(value for value in values if values.count(value) > 1)
            raise PluginError(f"declares the {kind} '{twice}' twice")
