"""What a training run tells those who listen: the progress bar, experiment trackers, notebooks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .planning import Plan
    from .session import TrainResult

__all__ = ["Callback", "EpochResult", "Progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """Inside an epoch, a few times a second. loss is the mean since the epoch began."""

    epoch: int  # counts from 1
    step: int
    steps: int
    images_per_s: float
    loss: float


@dataclass(frozen=True, slots=True)
class EpochResult:
    """After an epoch. Accuracies are shares of 1; val_* are nan without validation pictures."""

    epoch: int  # counts from 1
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float  # at the epoch's end
    seconds: float
    is_best: bool
    waited: float = 0.0  # of the seconds, for data


class Callback:
    """A listener; a plugin overrides what it needs. What it raises is reported and it is not called again."""

    def on_start(self, plan: Plan, run: Path) -> None:
        """Everything is resolved, nothing has run; `run` is the run folder."""

    def on_progress(self, progress: Progress) -> None:
        """A few times a second."""

    def on_epoch(self, result: EpochResult) -> None:
        """An epoch and its validation are over."""

    def on_stopping(self) -> None:
        """Ctrl-C or SIGTERM came; the run stops after this step. Called from a signal handler: be short."""

    def on_end(self, result: TrainResult) -> None:
        """The run is over and its files are written."""
