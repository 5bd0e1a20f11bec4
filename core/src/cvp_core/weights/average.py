"""The average of several weights of one model: as good as many networks, as fast as one (arXiv:2203.05482)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from ..errors import WeightsError
from ..spec import Preprocess
from .header import Header, read_header
from .store import ARTIFACT_MARK, SUFFIX, find_weights

__all__ = ["Average", "Ingredient", "State", "Tried", "greedy", "header_of", "open_ingredients", "uniform"]

State = dict[str, Tensor]
# The share of held-out pictures that a network with this state names rightly, 0 to 1.
Measure = Callable[[State], float]
# What is done to an average before it is used, such as estimating its norms' statistics again.
Finish = Callable[[State], State]


@dataclass(frozen=True)
class Ingredient:
    """Weights that may go into an average."""

    name: str
    path: Path
    header: Header


@dataclass(frozen=True)
class Tried:
    """An ingredient, and what became of it. top1: its own; average_top1: of the average with it, where measured."""

    ingredient: Ingredient
    is_kept: bool
    top1: float | None = None
    average_top1: float | None = None


@dataclass(frozen=True)
class Average:
    """state: the weights. top1: theirs, a share of 1, where measured. method: "uniform" or "greedy"."""

    state: State
    tried: tuple[Tried, ...]
    method: str
    top1: float | None = None

    @property
    def kept(self) -> list[Ingredient]:
        return [one.ingredient for one in self.tried if one.is_kept]


def open_ingredients(names: Sequence[str], folder: str | Path | None = None) -> list[Ingredient]:
    """Weights by path or name, which must be of one model, with the same classes and preprocessing.

    Raises WeightsError that says what differs, for fewer than two, and for an artifact.
    """
    found = []
    for name in names:
        path = find_weights(name, folder)
        if (path / ARTIFACT_MARK).is_file():
            raise WeightsError(f"{path} is an artifact; average the weights that it and others were made from")
        found.append(Ingredient(str(name).removesuffix(SUFFIX), path, read_header(path)))
    if len(found) < 2:
        raise WeightsError(f"an average needs two weights at least, given {len(found)}")
    for other in found[1:]:
        _check_alike(found[0], other)
    return found


def uniform(ingredients: Sequence[Ingredient], measure: Measure | None = None, finish: Finish | None = None) -> Average:
    """The mean of all. With `measure`, each and the average are measured.

    Floating tensors are summed in float64 and then rounded once to their own type, so that the average of equal weights
    is those weights; whole numbers are the first's. The statistics of batch norms are averaged like weights, which is
    not what the averaged network would find in the data: `finish` may estimate them again.
    """
    mean = _Mean()
    tried = []
    for ingredient in ingredients:
        state = _state(ingredient, mean)
        tried.append(Tried(ingredient, True, None if measure is None else measure(state)))
        mean = mean.plus(state)
    state = mean.state() if finish is None else finish(mean.state())
    return Average(state, tuple(tried), "uniform", None if measure is None else measure(state))


def greedy(ingredients: Sequence[Ingredient], measure: Measure, finish: Finish | None = None) -> Average:
    """Each in turn, the best first, is taken in if the average is then no worse (recipe 1 of the paper).

    So the average is never worse on the pictures of `measure` than its best ingredient. finish: as `uniform` has it, on
    each average of two and more.
    """
    alone = [measure(_state(ingredient)) for ingredient in ingredients]
    order = sorted(range(len(ingredients)), key=lambda index: -alone[index])
    mean = _Mean().plus(_state(ingredients[order[0]]))
    best, state = alone[order[0]], mean.state()
    tried = [Tried(ingredients[order[0]], True, best, best)]
    for index in order[1:]:
        candidate = mean.plus(_state(ingredients[index], mean))
        finished = candidate.state() if finish is None else finish(candidate.state())
        value = measure(finished)
        if value >= best:
            mean, best, state = candidate, value, finished
        tried.append(Tried(ingredients[index], mean is candidate, alone[index], value))
    return Average(state, tuple(tried), "greedy", best)


def header_of(average: Average, metrics: Mapping[str, Any]) -> Header:
    """The header for an average: what all that were kept have in common, and their names as `parents`."""
    headers = [one.header for one in average.kept]
    first = headers[0]
    shared = {key: value for key, value in first.training.items() if all(h.training.get(key) == value for h in headers)}
    return Header(
        model=first.model,
        distribution=first.distribution,
        version=first.version,
        classes=first.classes,
        preprocess=first.preprocess,
        metrics=metrics,
        training={**shared, "average": average.method, "parents": [one.name for one in average.kept]},
        parent=first.parent if all(header.parent == first.parent for header in headers) else "",
        head=first.head,
    )


class _Mean:
    """A sum of states in float64, and of how many; adding makes a new one."""

    def __init__(self) -> None:
        self.first: State = {}
        self.sums: State = {}
        self.count = 0

    def plus(self, state: State) -> _Mean:
        result = _Mean()
        result.first = self.first or state
        result.count = self.count + 1
        floats = {key: tensor.double() for key, tensor in state.items() if tensor.is_floating_point()}
        result.sums = {key: self.sums[key] + tensor if self.sums else tensor for key, tensor in floats.items()}
        return result

    def state(self) -> State:
        means = {key: (total / self.count).to(self.first[key].dtype) for key, total in self.sums.items()}
        return {key: means.get(key, tensor) for key, tensor in self.first.items()}


def _state(ingredient: Ingredient, like: _Mean | None = None) -> State:
    """The tensors of a file. Raises WeightsError where they do not go with those of `like`."""
    state = load_file(ingredient.path)
    shapes = {key: tensor.shape for key, tensor in state.items()}
    if like and like.first and shapes != {key: tensor.shape for key, tensor in like.first.items()}:
        raise WeightsError(f"{ingredient.path} has other tensors than the first weights, though its header is alike")
    return state


def _check_alike(first: Ingredient, other: Ingredient) -> None:
    one, two = first.header, other.header
    facts: dict[str, tuple[Any, Any]] = {
        "model": (f"{one.distribution}/{one.model}", f"{two.distribution}/{two.model}"),
        "classes": (one.classes, two.classes),
        "preprocessing": (one.preprocess, two.preprocess),
        "head": (one.head, two.head),
    }
    differing = [
        f"{what} ({_shown(ours, theirs)}; {_shown(theirs, ours)})"
        for what, (ours, theirs) in facts.items()
        if ours != theirs
    ]
    if differing:
        raise WeightsError(
            f"{first.name} and {other.name} have no average: they differ in {' and '.join(differing)}; "
            "give weights of one model, trained for the same classes with the same preprocessing"
        )


def _shown(own: Any, other: Any) -> str:
    """One of two values that differ, by what is different about it."""
    if isinstance(own, Preprocess):
        theirs = other.to_json()
        return ", ".join(f"{key} {value}" for key, value in own.to_json().items() if value != theirs[key])
    if isinstance(own, tuple) and all(isinstance(item, str) for item in own):
        special = [item for item in own if item not in other] or list(own)
        return f"{len(own)} with {', '.join(special[:3])}{', …' if len(special) > 3 else ''}"
    return "x".join(map(str, own)) if isinstance(own, tuple) else str(own)
