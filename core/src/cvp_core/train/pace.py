"""When a run writes a checkpoint, and when it rests."""

from __future__ import annotations

import time

from .checkpoint import Checkpointer
from .interrupt import StopRequest
from .processes import are_any
from .state import TrainingState

__all__ = ["Pace"]

_STEPS_BETWEEN_AGREEMENTS = 10  # of several processes on whether to stop


class Pace:
    """Writes a checkpoint when `seconds` have gone by since the last, unless that one is still being written."""

    def __init__(self, state: TrainingState, checkpointer: Checkpointer | None, seconds: float) -> None:
        self.state, self.checkpointer, self.seconds = state, checkpointer, seconds
        self.last = time.perf_counter()

    def rests(self, stop: StopRequest, step: int = 0) -> bool:
        """After a step, or an epoch: writes if it is time; whether to stop. Several processes agree now and then."""
        fabric = self.state.fabric
        if fabric.world_size > 1 and step % _STEPS_BETWEEN_AGREEMENTS:
            return False
        is_time = time.perf_counter() - self.last >= self.seconds
        is_due = self.checkpointer is not None and is_time and not self.checkpointer.is_busy
        is_due, stops = are_any(fabric, is_due, stop.is_set)
        if is_due and not stops:
            self.write()
        return stops

    def write(self) -> None:
        snapshot = self.state.snapshot()
        self.last = time.perf_counter()
        if self.checkpointer is not None:
            self.checkpointer.write(snapshot)

    def finish(self) -> None:
        self.write()
        if self.checkpointer is not None:
            self.checkpointer.wait()
