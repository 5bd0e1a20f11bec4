"""The model under test, and how a check says what is wrong with it."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from ..catalogue import Claim
from ..network import ImageClassifier
from ..plugins import Plugin
from ..registry import build_model, find_model
from ..spec import ModelSpec
from ..summary import blank_model

__all__ = ["CheckError", "Subject", "require"]


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
        return (self.spec.input_size[0], side, side) if self.spec.any_size else self.spec.input_size

    def build(self, seed: int = 0, **changes: object) -> ImageClassifier:
        """Freshly initialised, in training mode. changes: num_classes, input_size."""
        torch.manual_seed(seed)
        settings = {"num_classes": self.spec.num_classes, "input_size": self.input_size, **changes}
        return build_model(self.claim, **settings)  # type: ignore[arg-type]

    def logits_shape(self, size: tuple[int, int, int], count: int) -> tuple[int, ...]:
        """Of a model built for pictures of `size`; on the meta device, where only shapes are computed."""
        model = blank_model(self.claim, self.spec.num_classes, size).eval()
        device = next(model.parameters()).device
        with torch.no_grad():
            return tuple(model(self.pictures(count, size).to(device)).shape)

    def copy(self) -> ImageClassifier:
        """A copy of `build()`, which is made once: initialising a large model takes longer than most checks."""
        return copy.deepcopy(_built(self))

    def pictures(self, count: int, size: tuple[int, int, int] | None = None) -> Tensor:
        """Standard normal noise (count, channels, height, width), the same for the same arguments."""
        generator = torch.Generator().manual_seed(count)
        return torch.randn(count, *(size or self.input_size), generator=generator)


_last: list[tuple[Plugin, str, ImageClassifier]] = []  # the model that was copied last, and whose it is


def _built(subject: Subject) -> ImageClassifier:
    plugin, name = subject.claim.plugin, subject.spec.name
    if not _last or _last[0][0] is not plugin or _last[0][1] != name:
        _last[:] = []  # two large models at once may not fit
        _last.append((plugin, name, subject.build()))
    return _last[0][2]
