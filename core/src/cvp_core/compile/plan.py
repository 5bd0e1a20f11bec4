"""How a CPU computes a batch: at once by all threads, or in pieces, each by a thread that waits for no other.

In pieces nobody waits between two layers, and what a layer writes is still in the cache when the next reads it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np

from ..machine import available_cpus
from .job import Job, Runner

__all__ = ["Plan", "fastest", "plans"]

_ROUNDS, _SECONDS = 5, 1.5
_Way = TypeVar("_Way")


@dataclass(frozen=True, slots=True)
class Plan:
    """piece: pictures that a stream computes at a time; None for an equal share of any count. streams: side by side."""

    piece: int | None
    streams: int

    def is_whole(self, job: Job) -> bool:
        """The batch is not split."""
        return self.streams == 1 and self.piece in (None, job.batch_size)

    def piece_of(self, count: int) -> int:
        """Pictures of each piece but the last, for a batch of `count`."""
        return self.piece or max(1, -(-count // self.streams))

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def plans(job: Job) -> list[Plan]:
    """What is worth a measurement. A batch of any count is split where many batches, not the next answer, matter."""
    threads = job.threads or available_cpus()
    count = job.batch_size
    if count is None:
        return [Plan(None, threads if job.hint == "throughput" else 1)]
    pieces = {count, max(1, count // threads), 1}
    return [Plan(piece, min(threads, count // piece)) for piece in sorted(pieces) if count % piece == 0]


def fastest(runners: Mapping[_Way, Runner], job: Job) -> _Way:
    """Of plans or other ways, by the median of some calls, in turns: what else the machine does meets all alike."""
    if len(runners) == 1:
        return next(iter(runners))
    from statistics import median  # which loading needs not

    images = np.random.default_rng(0).standard_normal((job.batch_size or 1, *job.input_size), np.float32)
    seconds: dict[_Way, list[float]] = {way: [] for way in runners}
    for run in runners.values():
        run(images)  # the first call prepares
    end = time.perf_counter() + _SECONDS
    while len(min(seconds.values(), key=len)) < _ROUNDS or time.perf_counter() < end:
        for way, run in runners.items():
            began = time.perf_counter()
            run(images)
            seconds[way].append(time.perf_counter() - began)
    return min(seconds, key=lambda way: median(seconds[way]))
