"""The learning rate by step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from .config import TrainConfig

__all__ = ["Schedule"]


@dataclass
class Schedule:
    """Shares of the peak rate for a run of `config.epochs` epochs of `steps` steps.

    All are functions of the step but "plateau", which looks at each epoch's validation and so has a state.
    """

    config: TrainConfig
    steps: int
    factor: float = 1.0  # of plateau
    best_loss: float = math.inf
    epochs_since: int = 0

    def share(self, step: int) -> float:
        """At `step`, counted from the run's beginning: linear warm-up, then what the schedule says."""
        config = self.config
        total = self.steps * config.epochs
        if config.schedule == "one-cycle":
            return _one_cycle(step, total)
        warmup = round(self.steps * min(config.warmup_epochs, config.epochs / 4))
        if step < warmup:
            return (step + 1) / (warmup + 1)
        if config.schedule == "cosine":  # to zero (arXiv:1608.03983, eq. 5)
            return _half_cosine((step - warmup) / max(1, total - warmup))
        if config.schedule == "step":
            falls = step // self.steps // config.step_epochs
            return float(config.step_factor**falls)
        return self.factor

    def see(self, loss: float) -> None:
        """Tells plateau an epoch's validation loss (nan: there was none)."""
        if self.config.schedule != "plateau" or math.isnan(loss):
            return
        self.epochs_since += 1
        if loss < self.best_loss:
            self.best_loss, self.epochs_since = loss, 0
        elif self.epochs_since >= self.config.step_epochs:
            self.factor, self.epochs_since = self.factor * self.config.step_factor, 0

    def to_json(self) -> dict[str, Any]:
        return {"factor": self.factor, "best_loss": self.best_loss, "epochs_since": self.epochs_since}

    def restore(self, state: dict[str, Any]) -> None:
        self.factor, self.best_loss, self.epochs_since = state["factor"], state["best_loss"], state["epochs_since"]


def _half_cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def _one_cycle(step: int, total: int) -> float:
    """Up from a 25th in the first 30 %, then down to nearly nothing, both along cosines (arXiv:1708.07120)."""
    low, lowest, top = 1 / 25, 1 / 250_000, max(1.0, 0.3 * total - 1)
    if step <= top:
        return low + (1 - low) * (1 - _half_cosine(step / top))
    return lowest + (1 - lowest) * _half_cosine((step - top) / max(1.0, total - 1 - top))
