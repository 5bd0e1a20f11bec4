"""The model under test, and how a check says what is wrong with it."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import torch
from torch import Tensor

from ..catalogue import Claim
from ..network import ImageClassifier
from ..plugins import Plugin
from ..registry import build_model, find_model
from ..spec import ModelSpec
from ..summary import on_meta

__all__ = ["CheckError", "Subject", "once_a_plugin", "require"]

T = TypeVar("T")


class CheckError(AssertionError):
    """A promise that a model does not keep: what was found, and how to mend it."""

    def __init__(self, found: str, mend: str) -> None:
        super().__init__(f"{found}. To mend it: {mend}")
        self.found = found
        self.mend = mend


def require(holds: bool, found: str, mend: str) -> None:
    """Raises CheckError unless `holds`."""
    if not holds:
        raise CheckError(found, mend)


@dataclass(frozen=True)
class Subject:
    """A model by name, with small pictures for it: its structure does not depend on their size."""

    claim: Claim[ModelSpec]

    @classmethod
    def of(cls, name: str) -> Subject:
        return cls(find_model(name))

    @property
    def spec(self) -> ModelSpec:
        return self.claim.spec

    @property
    def input_size(self) -> tuple[int, int, int]:
        side = max(self.spec.min_size, 32)
        return (self.spec.input_size[0], side, side)

    def build(self, seed: int = 0, **changes: object) -> ImageClassifier:
        """Freshly initialised, in training mode. changes: num_classes, input_size."""
        torch.manual_seed(seed)
        settings = {"num_classes": self.spec.num_classes, "input_size": self.input_size, **changes}
        return build_model(self.claim, **settings)  # type: ignore[arg-type]

    def logits_shapes(self, sizes: Sequence[tuple[int, int, int]], count: int) -> list[tuple[int, ...]]:
        """For pictures of each size, of models built for it, of one where any size works; on the meta device."""

        def shape(model: ImageClassifier, size: tuple[int, int, int]) -> tuple[int, ...]:
            with torch.no_grad():
                return tuple(model.eval()(self.pictures(count, size).to(next(model.parameters()).device)).shape)

        def shapes(some: Sequence[tuple[int, int, int]]) -> list[tuple[int, ...]]:
            return on_meta(
                self.claim, self.spec.num_classes, some[0], lambda model: [shape(model, one) for one in some]
            )

        is_one = self.spec.any_size and len({size[0] for size in sizes}) == 1
        return shapes(sizes) if is_one else [shapes([size])[0] for size in sizes]

    def original(self) -> ImageClassifier:
        """`build()`, made once, in evaluation mode: initialising takes longer than most checks. Not to be changed."""
        return _built(self)

    def copy(self) -> ImageClassifier:
        """A copy of the original, to do anything with."""
        return copy.deepcopy(self.original())

    def kinds(self) -> tuple[Hashable, frozenset[Hashable]]:
        """What the network is made of: its builder, and the kinds of its modules."""
        return (self.spec.builder, self.spec.any_size), _kinds(self.original())

    def condensed(self) -> ImageClassifier:
        """A copy of the network with fewer blocks, of the same kinds, in evaluation mode.

        Code that runs twice in a row runs a third time: a compiler that takes the copy takes the whole network. Where
        a tuple of the variant counts blocks, the builder makes no more than two of each; and of more than two equal
        modules in a row two are left. The whole where neither can be done.
        """
        return copy.deepcopy(_condensed(self))

    def pictures(self, count: int, size: tuple[int, int, int] | None = None) -> Tensor:
        """Standard normal noise (count, channels, height, width), the same for the same arguments."""
        generator = torch.Generator().manual_seed(count)
        return torch.randn(count, *(size or self.input_size), generator=generator)


def _kinds(model: ImageClassifier) -> frozenset[Hashable]:
    """Of each module class, place and settings without the numbers; an absent module is a kind too.

    Of torch's own modules the settings change nothing that a plugin's code does.
    """

    def kind(name: str, module: torch.nn.Module | None) -> Hashable:
        is_torchs = module is None or type(module).__module__.startswith("torch.nn.")
        settings = "" if module is None or is_torchs else module.extra_repr()
        return type(module), re.sub(r"\d[\d.e-]*", "#", f"{name} {settings}")

    modules = model.named_modules()
    return frozenset(kind(f"{name}.{own}", child) for name, module in modules for own, child in module._modules.items())


def _count(model: ImageClassifier) -> int:
    return sum(1 for _ in model.modules())


def _with_fewer_blocks(subject: Subject) -> ImageClassifier | None:
    """What the builder makes when a tuple of its variant has no count above two, if that is smaller and alike."""
    kinds, size = _kinds(subject.original()), _count(subject.original())
    best = None
    for key, value in subject.spec.variant.items():
        if not (isinstance(value, tuple) and value and all(type(count) is int for count in value)):
            continue
        variant = {**subject.spec.variant, key: tuple(min(count, 2) for count in value)}
        claim = replace(subject.claim, spec=replace(subject.spec, variant=variant))
        try:
            made, count = on_meta(claim, subject.spec.num_classes, subject.input_size, lambda m: (_kinds(m), _count(m)))
        except Exception:  # noqa: BLE001 - whatever a builder says to numbers that are not its own
            continue
        if made == kinds and count < size:
            best, size = Subject(claim), count
    return best.build().eval() if best is not None else None


def _keep_two(row: torch.nn.Sequential | torch.nn.ModuleList) -> None:
    """Takes out each module that looks like the two before it; how often a dropout drops makes no difference."""
    looks = [re.sub(r"\b(p|drop)=[\d.e-]+", "", repr(module)) for module in row]
    for index in reversed(range(2, len(looks))):
        if looks[index] == looks[index - 1] == looks[index - 2]:
            del row[index]


def once_a_plugin(look: Callable[[Plugin], T]) -> Callable[[Plugin], T]:
    """`look`, which keeps its answer for the plugin that was asked for last: a plugin's models come in a row."""
    kept: list[tuple[Plugin, T]] = []

    def looked(plugin: Plugin) -> T:
        if not kept or kept[0][0] is not plugin:
            kept[:] = [(plugin, look(plugin))]
        return kept[0][1]

    return looked


_last: list[tuple[Plugin, str, ImageClassifier]] = []  # the model that was copied last, and whose it is
_last_condensed: list[tuple[ImageClassifier, ImageClassifier]] = []  # of which model, and it


def _built(subject: Subject) -> ImageClassifier:
    plugin, name = subject.claim.plugin, subject.spec.name
    if not _last or _last[0][0] is not plugin or _last[0][1] != name:
        _last[:], _last_condensed[:] = [], []  # two large models at once may not fit
        _last.append((plugin, name, subject.build().eval()))
    return _last[0][2]


def _condensed(subject: Subject) -> ImageClassifier:
    original = subject.original()
    if not _last_condensed or _last_condensed[0][0] is not original:
        _last_condensed[:] = [(original, _condense(subject))]
    return _last_condensed[0][1]


def _condense(subject: Subject) -> ImageClassifier:
    shorter = _with_fewer_blocks(subject) or subject.copy().eval()
    for module in list(shorter.modules()):
        if isinstance(module, torch.nn.Sequential | torch.nn.ModuleList):
            _keep_two(module)
    try:
        with torch.no_grad():
            shorter(subject.pictures(2))
    except Exception:  # noqa: BLE001 - whatever a network says when layers are missing
        return subject.original()
    return shorter
