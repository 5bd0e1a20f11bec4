"""Names of one kind, who claims each, and what is near to a name that nobody claims."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from .errors import AmbiguousNameError, UnknownNameError
from .plugins import Plugin

__all__ = ["Catalogue", "Claim", "ambiguous", "near_files", "near_misses"]

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

    def __iter__(self) -> Iterator[Claim[T]]:
        return (claim for claims in self.claims.values() for claim in claims)

    def collisions(self) -> dict[str, list[str]]:
        """The ambiguous names, each with the distributions that claim it."""
        return {
            name: [claim.plugin.distribution for claim in claims]
            for name, claims in self.claims.items()
            if len(claims) > 1
        }

    def label(self, name: str, claim: Claim[T]) -> str:
        """What to write to get `claim`: its name, or 'distribution/name' where the name is ambiguous."""
        return name if len(self.claims[name]) == 1 else f"{claim.plugin.distribution}/{name}"

    def find(self, name: str) -> Claim[T] | None:
        """The claim of `name` or of `distribution/name`; None if there is none. Raises AmbiguousNameError."""
        claims = self.claims.get(name, [])
        if not claims and "/" in name:
            distribution, _, bare = name.partition("/")
            claims = [c for c in self.claims.get(bare, []) if c.plugin.distribution == distribution]
        if len(claims) > 1:
            raise ambiguous(self.kind, name, claims)
        return claims[0] if claims else None

    def get(self, name: str, also: Iterable[str] = ()) -> Claim[T]:
        """Like `find`, but raises UnknownNameError with near misses, out of the names and `also`."""
        claim = self.find(name)
        if claim is not None:
            return claim
        names = {*self.claims, *also}
        if "/" in name:
            names |= {f"{claim.plugin.distribution}/{own}" for own, claims in self.claims.items() for claim in claims}
        raise UnknownNameError(f"no {self.kind} '{name}'.{near_misses(name, names)} `{self.listing}` shows all.")


def near_misses(name: str, names: Iterable[str]) -> str:
    """' Did you mean 'densenet121' or 'densenet161'?', or '' if no name is near."""
    name = name.lower()
    near = difflib.get_close_matches(name, sorted(names), n=3, cutoff=0.6)
    ratios = [difflib.SequenceMatcher(None, name, match).ratio() for match in near]
    near = [match for match, ratio in zip(near, ratios, strict=True) if ratio > ratios[0] - 0.08]
    return f" Did you mean {' or '.join(repr(match) for match in near)}?" if near else ""


def near_files(path: Path, suffixes: Collection[str]) -> str:
    """The same for a file that is not there, by those beside it that end so (in small letters)."""
    try:
        beside = [child.name for child in path.parent.iterdir() if child.suffix.lower() in suffixes]
    except OSError:
        return ""
    near = [str(path.with_name(name)) for name in difflib.get_close_matches(path.name, beside, n=2)]
    return f" Did you mean {' or '.join(map(repr, near))}?" if near else ""


def ambiguous(kind: str, name: str, claims: Iterable[Claim[Any]]) -> AmbiguousNameError:
    owners = [claim.plugin.distribution for claim in claims]
    choices = " or ".join(f"'{owner}/{name}'" for owner in owners)
    return AmbiguousNameError(f"{kind} '{name}' is claimed by {' and '.join(owners)}; write {choices}")
