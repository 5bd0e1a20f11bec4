"""Which parts of a network train, and when."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..errors import ConfigError
from ..network import ImageClassifier
from .config import TrainConfig

__all__ = ["Phase", "frozen_parts", "phases", "set_mode", "set_trainable"]


@dataclass(frozen=True)
class Phase:
    """Epochs from `start` (counted from 0) on, in which the parts `frozen` keep weights and statistics."""

    start: int
    frozen: frozenset[str]


def frozen_parts(model: ImageClassifier, freeze: str) -> frozenset[str]:
    """The parts that "none", "backbone" or "stage:N" means. Raises ConfigError where there is no stage N."""
    backbone = [part for part in model.parts.named() if part != "head"]
    if freeze == "none":
        return frozenset()
    if freeze == "backbone":
        return frozenset(backbone)
    count = int(freeze.partition(":")[2])
    stages = len(backbone) - 1
    if count > stages:
        raise ConfigError(f"freeze is {freeze}, but the model has {stages} stages; stage:{stages} leaves only the head")
    return frozenset(backbone[: count + 1])


def phases(model: ImageClassifier, config: TrainConfig) -> list[Phase]:
    """One, or two where the frozen parts join in later (head first, then all: ULMFiT, arXiv:1801.06146)."""
    first = Phase(0, frozen_parts(model, config.freeze))
    if config.unfreeze_at is None or config.unfreeze_at >= config.epochs:
        return [first]
    return [first, Phase(config.unfreeze_at, frozenset())]


def set_trainable(model: ImageClassifier, frozen: Collection[str]) -> None:
    """Parameters of frozen parts get no gradient."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(model.parts.part_of(name) not in frozen)
        if not parameter.requires_grad:
            parameter.grad = None


def set_mode(model: ImageClassifier, frozen: Collection[str]) -> None:
    """Training mode, but for frozen parts: their norms keep their statistics and nothing of them is dropped."""
    model.train()
    if not frozen:
        return
    for name, module in model.named_modules():
        if name and model.parts.part_of(name) in frozen:
            module.training = False
