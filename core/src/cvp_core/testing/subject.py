"""The model under test, and how a check says what is wrong with it."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Hashable
from dataclasses import dataclass
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

    def logits_shape(self, size: tuple[int, int, int], count: int) -> tuple[int, ...]:
        """Of a model built for pictures of `size`; on the meta device, where only shapes are computed."""

        def shape(model: ImageClassifier) -> tuple[int, ...]:
            with torch.no_grad():
                return tuple(model.eval()(self.pictures(count, size).to(next(model.parameters()).device)).shape)

        return on_meta(self.claim, self.spec.num_classes, size, shape)

    def original(self) -> ImageClassifier:
        """`build()`, made once, in evaluation mode: initialising takes longer than most checks. Not to be changed."""
        return _built(self)

    def copy(self) -> ImageClassifier:
        """A copy of the original, to do anything with."""
        return copy.deepcopy(self.original())

    def kinds(self) -> tuple[Hashable, frozenset[Hashable]]:
        """What the network is made of: its builder, and of each module class, place and settings without the numbers.

        An absent module is a kind too. Of torch's own modules the settings change nothing that a plugin's code does.
        """

        def kind(name: str, module: torch.nn.Module | None) -> Hashable:
            settings = "" if module is None or _is_torchs(module) else module.extra_repr()
            return type(module), re.sub(r"\d[\d.e-]*", "#", f"{name} {settings}")

        modules = self.original().named_modules()
        kinds = {kind(f"{name}.{own}", child) for name, module in modules for own, child in module._modules.items()}
        return (self.spec.builder, self.spec.any_size), frozenset(kinds)

    def condensed(self) -> ImageClassifier:
        """A copy in which of more than two equal modules in a row only two are left, in evaluation mode.

        Code that runs twice in a row runs a third time: a compiler that takes the copy takes the whole network. The
        whole where modules are not called in a row, so that the copy fails.
        """
        shorter = self.copy().eval()
        for module in list(shorter.modules()):
            if isinstance(module, torch.nn.Sequential | torch.nn.ModuleList):
                _keep_two(module)
        try:
            with torch.no_grad():
                shorter(self.pictures(2))
        except Exception:  # noqa: BLE001 - whatever a network says when layers are missing
            return self.copy().eval()
        return shorter

    def pictures(self, count: int, size: tuple[int, int, int] | None = None) -> Tensor:
        """Standard normal noise (count, channels, height, width), the same for the same arguments."""
        generator = torch.Generator().manual_seed(count)
        return torch.randn(count, *(size or self.input_size), generator=generator)


def _is_torchs(module: torch.nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn.")


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


def _built(subject: Subject) -> ImageClassifier:
    plugin, name = subject.claim.plugin, subject.spec.name
    if not _last or _last[0][0] is not plugin or _last[0][1] != name:
        _last[:] = []  # two large models at once may not fit
        _last.append((plugin, name, subject.build().eval()))
    return _last[0][2]
