"""How long a call takes: after warm-up, as a distribution."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..locks import taking_turns

__all__ = ["Timing", "Turns", "measure"]

_PAUSE_S = 0.2  # threads of the process before look for work for a while after its last call


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds a call. `spread`: from the first to the third quartile, as a share of the median."""

    p50: float
    p95: float
    spread: float
    calls: int

    @classmethod
    def of(cls, durations: Sequence[float]) -> Timing:
        """durations: seconds of each call."""
        first, median, third, late = np.percentile(durations, [25, 50, 75, 95])
        return cls(float(median), float(late), float((third - first) / median), len(durations))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Turns:
    """Timing in turns with other processes, so that what else the machine does meets all alike.

    folder: empty at first, where each of `count` processes puts a file when it is ready; who starts them puts one for
    each that ended before. On Windows, which cannot lock folders, all go at once. seconds: of each of the rounds.
    """

    folder: Path
    count: int
    rounds: int = 6
    seconds: float = 0.5

    def measure(self, call: Callable[[], object]) -> Timing:
        """The calls of all rounds; each begins with one that is not counted."""
        (self.folder / str(os.getpid())).touch()
        while len(list(self.folder.iterdir())) < self.count:
            time.sleep(0.02)
        durations: list[float] = []
        for _ in range(self.rounds):
            with taking_turns(self.folder):
                time.sleep(_PAUSE_S)
                call()
                durations += _timed(call, self.seconds, least=2)
            time.sleep(_PAUSE_S / 4)  # or the lock would be taken again before who waits for it wakes
        return Timing.of(durations)


def measure(
    call: Callable[[], object], *, seconds: float = 2.0, warm_up: float = 0.5, least: int = 8, most: int = 2000
) -> Timing:
    """Calls for `warm_up` seconds and at least three times, then for `seconds` and at least `least` times.

    The call must return when its work is done: for a GPU it has to wait for it.
    """
    began = time.perf_counter()
    calls = 0
    while calls < 3 or time.perf_counter() - began < warm_up:
        call()
        calls += 1
    return Timing.of(_timed(call, seconds, least, most))


def _timed(call: Callable[[], object], seconds: float, least: int, most: int = 2000) -> list[float]:
    durations: list[float] = []
    began = time.perf_counter()
    while len(durations) < least or (time.perf_counter() - began < seconds and len(durations) < most):
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    return durations
