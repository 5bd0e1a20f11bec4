"""From names to specs, with near misses for a name that nobody knows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from .catalogue import Catalogue, Claim, ambiguous, near_misses
from .errors import NotInstalledError, PluginError, UnknownNameError
from .known import distribution_of, names_model_of, prefixes
from .plugins import Plugin, discover, load_all, plugins_of, strict
from .spec import BackendSpec, DatasetSpec, ModelSpec, RecipeSpec

__all__ = [
    "Catalogue",
    "Claim",
    "backend_of",
    "backends",
    "check_strict",
    "collisions",
    "datasets",
    "families",
    "find_model",
    "get_spec",
    "list_models",
    "matching",
    "models",
    "natural_key",
    "near_misses",
    "recipes",
    "rediscover",
]


def _catalogues(plugins: Iterable[Plugin]) -> dict[str, Catalogue[Any]]:
    """All names of these plugins, by the field of Plugin that declares them, and those of the families."""

    def catalogue(kind: str, listing: str, field: str) -> Catalogue[Any]:
        claims = [(spec.name, Claim(spec, plugin)) for plugin in plugins for spec in getattr(plugin, field)]
        return Catalogue(kind, listing, claims)

    found = {
        "models": catalogue("model or family", "cvp list-models", "models"),
        "datasets": catalogue("data set", "cvp data list", "datasets"),
        "backends": catalogue("backend", "cvp doctor", "backends"),
        "recipes": catalogue("recipe", "cvp recipes list", "recipes"),
    }
    defaults = [(claim.spec.family, claim) for claim in found["models"] if claim.spec.default]
    found["families"] = Catalogue("family", "cvp list-models", defaults)
    return found


def _collisions(found: dict[str, Catalogue[Any]]) -> list[tuple[str, str, list[str]]]:
    clashes = [
        (catalogue.kind, name, owners)
        for catalogue in found.values()
        for name, owners in catalogue.collisions().items()
    ]
    known = {name for _, name, _ in clashes}
    for family, claims in found["families"].claims.items():
        owners = {claim.plugin.distribution for claim in (*claims, *found["models"].claims.get(family, []))}
        if len(owners) > 1 and family not in known:
            clashes.append(("model or family", family, sorted(owners)))
    return clashes


def check_strict() -> None:
    """If $CVP_STRICT is set, raises a PluginError that names every broken plugin and ambiguous name."""
    if not strict():
        return
    plugins = load_all()
    faults = [f"{plugin.label} is broken: {plugin.error}" for plugin in plugins if plugin.error]
    for kind, name, owners in _collisions(_catalogues(plugins)):
        faults.append(f"{kind} '{name}' is claimed by {' and '.join(owners)}")
    if faults:
        raise PluginError(f"CVP_STRICT is set and the plugins have faults: {'; '.join(faults)}")


def rediscover() -> None:
    """Forgets what was found, so that the next question looks at the installed plugins again."""
    discover.cache_clear()
    _checked.cache_clear()


@cache
def _checked() -> dict[str, Catalogue[Any]]:
    check_strict()
    return _catalogues(discover())


def models() -> Catalogue[ModelSpec]:
    """All models by name."""
    return _checked()["models"]


def families() -> Catalogue[ModelSpec]:
    """The default model of each family, by the family's name."""
    return _checked()["families"]


def datasets() -> Catalogue[DatasetSpec]:
    """All named data sets."""
    return _checked()["datasets"]


def backends() -> Catalogue[BackendSpec]:
    """All compilation backends."""
    return _checked()["backends"]


def backend_of(qualified: str) -> Claim[BackendSpec]:
    """The backend `distribution/name`; no other distribution is loaded for it. Raises what `backends().get` does."""
    distribution, _, name = qualified.partition("/")
    for plugin in plugins_of(distribution):
        for spec in plugin.backends:
            if spec.name == name:
                return Claim(spec, plugin)
    return backends().get(qualified)


def recipes() -> Catalogue[RecipeSpec]:
    """All named training configurations."""
    return _checked()["recipes"]


def collisions() -> list[tuple[str, str, list[str]]]:
    """(kind, name, distributions) of every name that several distributions claim."""
    return _collisions(_checked())


def find_model(name: str) -> Claim[ModelSpec]:
    """The model that `name`, a family's name or `distribution/name` stands for.

    Raises UnknownNameError with near misses, NotInstalledError with the pip command, AmbiguousNameError,
    or the PluginError of a broken plugin that would bring the model.
    """
    claim, default = models().find(name), families().find(name)
    if claim and default and claim.plugin is not default.plugin:
        raise ambiguous("model or family", name, (claim, default))
    found = claim or default
    if found is not None:
        return found
    broken = [plugin for plugin in discover() if plugin.error]
    for plugin in broken:
        if plugin.distribution in (distribution_of(name), name.partition("/")[0]) or (
            names_model_of(plugin.distribution.removeprefix("cvp-"), name)
        ):
            raise PluginError(
                f"'{name}' comes with {plugin.label}, which is broken: {plugin.error} "
                f"(`cvp doctor {plugin.distribution}` shows the traceback)"
            )
    distribution = distribution_of(name)
    if distribution and not any(plugin.distribution == distribution for plugin in discover()):
        raise NotInstalledError(f"'{name}' is not installed. It comes with: pip install {distribution}")
    try:
        return models().get(name, also=[*families().claims, *prefixes()])
    except UnknownNameError as error:
        if not broken:
            raise
        suspects = "; ".join(f"{plugin.label}: {plugin.error}" for plugin in broken)
        raise UnknownNameError(f"{error} Plugins that are broken may bring it: {suspects}") from None


def list_models(pattern: str = "*", *, family: str | None = None) -> list[ModelSpec]:
    """Specs whose name matches the shell `pattern`, sorted by name; `family` narrows them further."""
    return [claim.spec for claim in matching(pattern, family=family)]


def matching(pattern: str = "*", *, family: str | None = None) -> list[Claim[ModelSpec]]:
    """The claims, sorted by name, whose name or 'distribution/name' the shell `pattern` matches.

    A pattern that is a family's name stands for all its models.
    """
    pattern = pattern.lower()
    found = [
        claim
        for claim in models()
        if family in (None, claim.spec.family)
        and (
            fnmatchcase(claim.spec.name, pattern)
            or fnmatchcase(f"{claim.plugin.distribution}/{claim.spec.name}", pattern)
            or pattern == claim.spec.family
        )
    ]
    return sorted(found, key=lambda claim: (natural_key(claim.spec.name), claim.plugin.distribution))


def natural_key(name: str) -> list[str | int]:
    """A sort key that puts densenet121 before densenet1001."""
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", name)]


def get_spec(name: str) -> ModelSpec:
    """The spec of a model or of a family's default. Raises what `find_model` raises."""
    return find_model(name).spec
