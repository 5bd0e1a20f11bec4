"""One line of a benchmark, and its share of what the machine can do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

__all__ = ["Row"]


@dataclass(frozen=True, slots=True)
class Row:
    """A measurement; None for what could not be measured, and then the reason in `error`.

    images_per_s: from the median. latency_ms, p95_ms: of one call, a whole batch or training step; median and 95th
    percentile. spread: from the first to the third quartile as a share of the median. compile_s: seconds from the
    model to its first answer. parity: beside eager float32, as compile.parity.Parity has it, with its `fault`.
    gflop_per_image: two operations a multiply-accumulate. share_of_gemm: of the GEMM limit of that precision.
    channels_last: of training alone, None otherwise.
    """

    model: str
    backend: str
    precision: str
    device: str
    batch_size: int
    images_per_s: float | None = None
    latency_ms: float | None = None
    parity: Mapping[str, Any] | None = None
    p95_ms: float | None = None
    spread: float | None = None
    compile_s: float | None = None
    gflop_per_image: float | None = None
    share_of_gemm: float | None = None
    channels_last: bool | None = None
    error: str = ""

    @property
    def is_right(self) -> bool:
        """It was measured, and where that was asked it gives the right answers."""
        return self.images_per_s is not None and not (self.parity and self.parity["fault"])

    def filled(self, answer: Mapping[str, Any]) -> Row:
        """With the answer of a worker: {"timing": Timing.to_json(), ...} or {"error": reason}."""
        if answer.get("error"):
            return replace(self, error=str(answer["error"]))
        timing = answer["timing"]
        return replace(
            self,
            images_per_s=self.batch_size / timing["p50"],
            latency_ms=1000 * timing["p50"],
            p95_ms=1000 * timing["p95"],
            spread=timing["spread"],
            compile_s=answer["compile_s"],
            parity=answer.get("parity"),
            gflop_per_image=answer["gflop_per_image"],
        )

    def beside(self, gemm_gflops: Mapping[str, float]) -> Row:
        """With its share of the GEMM limits, GFLOP/s by precision."""
        limit = gemm_gflops.get(self.precision)
        if self.images_per_s is None or self.gflop_per_image is None or not limit:
            return self
        return replace(self, share_of_gemm=self.images_per_s * self.gflop_per_image / limit)

    def to_json(self) -> dict[str, Any]:
        row = asdict(self)
        if self.channels_last is None:
            del row["channels_last"]
        return row
