"""How long a call takes: after warm-up, as a distribution."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["Timing", "measure"]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds a call. `spread`: from the first to the third quartile, as a share of the median."""

    p50: float
    p95: float
    spread: float
    calls: int

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


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
    durations: list[float] = []
    began = time.perf_counter()
    while len(durations) < least or (time.perf_counter() - began < seconds and len(durations) < most):
        start = time.perf_counter()
        call()
        durations.append(time.perf_counter() - start)
    first, median, third, late = np.percentile(durations, [25, 50, 75, 95])
    return Timing(float(median), float(late), float((third - first) / median), len(durations))
