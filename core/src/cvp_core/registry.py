"""From names to specs and models, with near misses for a name that nobody knows."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from .errors import AmbiguousNameError, ConfigError, CvpError, NotInstalledError, PluginError, UnknownNameError
from .known import distribution_of
from .plugins import Plugin, discover, load_target, strict
from .spec import BackendSpec, DatasetSpec, ModelSpec, RecipeSpec

if TYPE_CHECKING:
    from .network import ImageClassifier

__all__ = [
    "Catalogue",
    "Claim",
    "backends",
    "build_model",
    "collisions",
    "create_model",
    "datasets",
    "get_spec",
    "list_models",
    "models",
    "recipes",
]

T = TypeVar("T")


@dataclass(frozen=True)
class Claim(Generic[T]):
    """A spec and the plugin that declares it."""

    spec: T
    plugin: Plugin


class Catalogue(Generic[T]):
    """Names of one kind. A name that several distributions claim is ambiguous, never last-wins."""

    def __init__(self, kind: str, listing: str, claims: Iterable[tuple[str, Claim[T]]]) -> None:
        self.kind = kind
        self.listing = listing  # the command that shows all names
        self.claims: dict[str, list[Claim[T]]] = {}
        for name, claim in claims:
            self.claims.setdefault(name, []).append(claim)

    def __iter__(self) -> Iterable[Claim[T]]:  # type: ignore[override]
        return (claim for claims in self.claims.values() for claim in claims)

    def collisions(self) -> dict[str, list[str]]:
        """The ambiguous names, each with the distributions that claim it."""
        return {
            name: [claim.plugin.distribution for claim in claims]
            for name, claims in self.claims.items()
            if len(claims) > 1
        }

    def find(self, name: str) -> Claim[T] | None:
        """The claim of `name` or of `distribution/name`; None if there is none. Raises AmbiguousNameError."""
        claims = self.claims.get(name, [])
        if not claims and "/" in name:
            distribution, _, bare = name.partition("/")
            claims = [c for c in self.claims.get(bare, []) if c.plugin.distribution == distribution]
        if len(claims) > 1:
            owners = [claim.plugin.distribution for claim in claims]
            choices = " or ".join(f"'{owner}/{name}'" for owner in owners)
            raise AmbiguousNameError(f"{self.kind} '{name}' is claimed by {' and '.join(owners)}; write {choices}")
        return claims[0] if claims else None

    def get(self, name: str, also: Iterable[str] = ()) -> Claim[T]:
        """Like `find`, but raises UnknownNameError with near misses, out of the names and `also`."""
        claim = self.find(name)
        if claim is not None:
            return claim
        near = difflib.get_close_matches(name, sorted({*self.claims, *also}), n=3, cutoff=0.6)
        hint = f" Did you mean {' or '.join(repr(match) for match in near)}?" if near else ""
        raise UnknownNameError(f"no {self.kind} '{name}'.{hint} `{self.listing}` shows all.")


def _catalogue(kind: str, listing: str, specs: Callable[[Plugin], Iterable[T]]) -> Catalogue[T]:
    claims = ((spec.name, Claim(spec, plugin)) for plugin in discover() for spec in specs(plugin))  # type: ignore[attr-defined]
    catalogue = Catalogue(kind, listing, claims)
    if strict() and catalogue.collisions():
        name, owners = next(iter(catalogue.collisions().items()))
        raise PluginError(f"CVP_STRICT is set and {kind} '{name}' is claimed by {' and '.join(owners)}")
    return catalogue


@cache
def models() -> Catalogue[ModelSpec]:
    """All models by name."""
    return _catalogue("model or family", "cvp list-models", lambda plugin: plugin.models)


@cache
def families() -> Catalogue[ModelSpec]:
    """The default model of each family, by the family's name."""
    claims = ((c.spec.family, c) for c in models() if c.spec.default)  # type: ignore[attr-defined]
    return Catalogue("family", "cvp list-models", claims)


@cache
def datasets() -> Catalogue[DatasetSpec]:
    """All named data sets."""
    return _catalogue("data set", "cvp data list", lambda plugin: plugin.datasets)


@cache
def backends() -> Catalogue[BackendSpec]:
    """All compilation backends."""
    return _catalogue("backend", "cvp doctor", lambda plugin: plugin.backends)


@cache
def recipes() -> Catalogue[RecipeSpec]:
    """All named training configurations."""
    return _catalogue("recipe", "cvp recipes list", lambda plugin: plugin.recipes)


def collisions() -> list[tuple[str, str, list[str]]]:
    """(kind, name, distributions) of every name that several distributions claim."""
    catalogues: list[Catalogue] = [models(), families(), datasets(), backends(), recipes()]
    return [(c.kind, name, owners) for c in catalogues for name, owners in c.collisions().items()]


def find_model(name: str) -> Claim[ModelSpec]:
    """The model that `name`, a family's name or `distribution/name` stands for.

    Raises UnknownNameError with near misses, NotInstalledError with the pip command, AmbiguousNameError,
    or the PluginError of a broken plugin that would bring the model.
    """
    claim = models().find(name) or families().find(name)
    if claim is not None:
        return claim
    broken = [plugin for plugin in discover() if plugin.error]
    for plugin in broken:
        if plugin.distribution in (distribution_of(name), name.partition("/")[0]) or (
            name.startswith(plugin.distribution.removeprefix("cvp-"))
        ):
            raise PluginError(
                f"'{name}' comes with {plugin.label}, which is broken: {plugin.error} "
                f"(`cvp doctor {plugin.distribution}` shows the traceback)"
            )
    distribution = distribution_of(name)
    if distribution and not any(plugin.distribution == distribution for plugin in discover()):
        raise NotInstalledError(f"'{name}' is not installed. It comes with: pip install {distribution}")
    try:
        return models().get(name, also=families().claims)
    except UnknownNameError as error:
        if not broken:
            raise
        suspects = "; ".join(f"{plugin.label}: {plugin.error}" for plugin in broken)
        raise UnknownNameError(f"{error} Plugins that are broken may bring it: {suspects}") from None


def list_models(pattern: str = "*", *, family: str | None = None) -> list[ModelSpec]:
    """Specs whose name matches the shell `pattern`, sorted by name; `family` narrows them further."""
    found: Iterable[Claim[ModelSpec]] = models()  # type: ignore[assignment]
    return sorted(
        (c.spec for c in found if fnmatchcase(c.spec.name, pattern) and family in (None, c.spec.family)),
        key=lambda spec: natural_key(spec.name),
    )


def natural_key(name: str) -> list[str | int]:
    """A sort key that puts densenet121 before densenet1001."""
    return [int(part) if part.isdigit() else part for part in re.split(r"([0-9]+)", name)]


def get_spec(name: str) -> ModelSpec:
    """The spec of a model or of a family's default. Raises what `find_model` raises."""
    return find_model(name).spec


def build_model(claim: Claim[ModelSpec], num_classes: int, input_size: tuple[int, int, int]) -> ImageClassifier:
    """A freshly initialised model. Raises ConfigError on sizes it cannot take, PluginError if its builder fails."""
    from .network import ImageClassifier

    spec, owner = claim.spec, claim.plugin.label
    if num_classes < 1 or input_size[0] < 1:
        raise ConfigError(f"{num_classes} classes and {input_size[0]} channels given; both must be at least 1")
    if min(input_size[1:]) < spec.min_size:
        raise ConfigError(
            f"{spec.name} needs pictures of at least {spec.min_size}x{spec.min_size} pixels, "
            f"given {input_size[1]}x{input_size[2]}"
        )
    builder = load_target(spec.builder, owner)
    try:
        model = builder(**spec.variant, num_classes=num_classes, input_size=input_size)
    except CvpError:
        raise
    except Exception as error:
        raise PluginError(f"{owner}: building {spec.name} failed: {type(error).__name__}: {error}") from error
    if not isinstance(model, ImageClassifier):
        raise PluginError(f"{owner}: {spec.builder} returned {type(model).__name__}, expected ImageClassifier")
    return model


def create_model(
    name: str,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    image_size: tuple[int, int] | None = None,
    weights: str | Path | None = None,
) -> ImageClassifier:
    """A model by name, in training mode.

    num_classes, in_channels, image_size (height, width) default to those of `weights`, else of the model's
    spec: 3 channels for nearly all, 1 for nets made for MNIST. Models with `any_size` ignore `image_size`.
    weights: a .safetensors file of cvp or the name of one in the weight store; with another `num_classes`
        all but the classifier layer is taken from it.
    Raises UserError subclasses for what was given and PluginError for a builder that fails.
    """
    claim = find_model(name)
    if weights is not None:
        from .weights.format import load_for

        return load_for(claim, weights, num_classes, in_channels, image_size)
    channels, height, width = claim.spec.input_size
    size = (channels if in_channels is None else in_channels, *(image_size or (height, width)))
    return build_model(claim, claim.spec.num_classes if num_classes is None else num_classes, size)
