"""What a backend is asked to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Job", "Runner"]

# float32 (N, channels, height, width), normalised, to float32 logits (N, classes)
Runner = Callable[["np.ndarray"], "np.ndarray"]


@dataclass(frozen=True, slots=True)
class Job:
    """How a compiled model will be used.

    input_size: (channels, height, width). precision: float32, bfloat16, float16 or int8.
    batch_size: pictures at a time; None where every count must work.
    threads: to compute with; None leaves it to the backend. hint: "latency" of one batch or "throughput" of many.
    mode: one of the backend's own, "" where it has none.
    """

    input_size: tuple[int, int, int]
    precision: str = "float32"
    batch_size: int | None = 1
    device: str = "cpu"
    threads: int | None = None
    hint: str = "latency"
    mode: str = ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        """The inverse of `to_json`. Raises KeyError or TypeError on other data."""
        channels, height, width = data["input_size"]
        return cls(**{**data, "input_size": (int(channels), int(height), int(width))})
