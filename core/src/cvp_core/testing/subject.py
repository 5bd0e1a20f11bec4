"""The model under test, and how a check says what is wrong with it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from ..building import build_model
from ..catalogue import Claim
from ..network import ImageClassifier
from ..plugins import Plugin
from ..registry import find_model
from ..spec import ModelSpec
from ..summary import on_meta
from .condense import kinds_of, leave_blocks_out, with_fewer_blocks
from .noise import pooled_draws

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
        channels, *sides = self.spec.input_size
        side = max(self.spec.min_size, min(32, min(sides) // 2))
        return (channels, side, side)

    def build(self, seed: int = 0, **changes: object) -> ImageClassifier:
        """Freshly initialised, in training mode. changes: num_classes, input_size."""
        torch.manual_seed(seed)
        settings = {"num_classes": self.spec.num_classes, "input_size": self.input_size, **changes}
        return build_model(self.claim, **settings)  # type: ignore[arg-type]

    def logits_shapes(self, sizes: Sequence[tuple[int, int, int]], count: int) -> list[tuple[int, ...]]:
        """For pictures of each size, of the original where it takes them, else of models made for them on meta."""

        @torch.no_grad()
        def shape(model: ImageClassifier, size: tuple[int, int, int]) -> tuple[int, ...]:
            return tuple(model.eval()(self.pictures(count, size).to(next(model.parameters()).device)).shape)

        def shape_on_meta(size: tuple[int, int, int]) -> tuple[int, ...]:
            return on_meta(self.claim, self.spec.num_classes, size, lambda model: shape(model, size))

        takes_all = self.spec.any_size and all(size[0] == self.input_size[0] for size in sizes)
        return [shape(self.original(), size) if takes_all else shape_on_meta(size) for size in sizes]

    def original(self) -> ImageClassifier:
        """Made once, in evaluation mode. Not to be changed, and not for a look at the initial weights themselves:
        large ones are filled from a pool of noise, since drawing them takes longer than most checks.
        """
        return _built(self)

    def copy(self) -> ImageClassifier:
        """A copy of the original, to do anything with."""
        return copy.deepcopy(self.original())

    def kinds(self) -> tuple[Hashable, frozenset[Hashable]]:
        """What the network is made of: its builder, and the kinds of its modules."""
        return (self.spec.builder, self.spec.any_size), kinds_of(self.original())

    def condensed(self) -> ImageClassifier:
        """A copy of the freshly initialised network with fewer blocks, of the same kinds, in evaluation mode.

        A compiler that takes it takes the whole network.
        """
        return copy.deepcopy(_condensed(self))

    def pictures(self, count: int, size: tuple[int, int, int] | None = None) -> Tensor:
        """Standard normal noise (count, channels, height, width), the same for the same arguments."""
        generator = torch.Generator().manual_seed(count)
        return torch.randn(count, *(size or self.input_size), generator=generator)


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
        with pooled_draws():
            _last.append((plugin, name, subject.build().eval()))
    return _last[0][2]


def _condensed(subject: Subject) -> ImageClassifier:
    original = subject.original()
    if not _last_condensed or _last_condensed[0][0] is not original:
        claim = with_fewer_blocks(subject.claim, subject.spec.num_classes, subject.input_size)
        shorter = Subject(claim).build().eval()
        leave_blocks_out(shorter, subject.pictures(2))
        _last_condensed[:] = [(original, shorter)]
    return _last_condensed[0][1]
