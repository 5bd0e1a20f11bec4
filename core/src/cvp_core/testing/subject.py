"""The model under test, and how a check says what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..catalogue import Claim
from ..network import ImageClassifier
from ..registry import build_model, find_model
from ..spec import ModelSpec

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
        """In training mode. changes: num_classes, input_size."""
        torch.manual_seed(seed)
        settings = {"num_classes": self.spec.num_classes, "input_size": self.input_size, **changes}
        return build_model(self.claim, **settings)  # type: ignore[arg-type]

    def pictures(self, count: int, size: tuple[int, int, int] | None = None) -> Tensor:
        """Standard normal noise (count, channels, height, width), the same for the same arguments."""
        generator = torch.Generator().manual_seed(count)
        return torch.randn(count, *(size or self.input_size), generator=generator)
