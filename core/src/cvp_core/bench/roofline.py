"""What the machine can do at most: the fastest matrix product and copy (the roofline of Williams et al. 2009)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..apart import call_apart
from ..errors import MachineError

if TYPE_CHECKING:
    import torch

__all__ = ["Limits", "limits_here", "measure_limits"]

# Sides of the square matrices: the fastest differs with the caches. A convolution is rarely larger.
_SIDES = {"cpu": (512, 1024, 1536, 2048), "cuda": (2048, 4096, 8192)}
_COPY_MIB = {"cpu": 256, "cuda": 1024}  # a multiple of the last cache


@dataclass(frozen=True, slots=True)
class Limits:
    """gemm_gflops: by precision, 10^9 operations a second. copy_gb_s: 10^9 bytes, read and written, a second."""

    gemm_gflops: Mapping[str, float]
    copy_gb_s: float
    device: str
    threads: int | None

    def better(self, other: Limits) -> Limits:
        """The larger of each: a limit that was measured while another program ran is too low."""
        gemm = {name: max(rate, other.gemm_gflops.get(name, 0.0)) for name, rate in self.gemm_gflops.items()}
        return Limits(gemm, max(self.copy_gb_s, other.copy_gb_s), self.device, self.threads)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def measure_limits(
    precisions: Sequence[str], device: str, threads: int | None, *, seconds: float = 0.2, time_limit: float = 120
) -> Limits:
    """Of products in each of `precisions` and of a copy; `seconds` for each size. Raises MachineError if it fails."""
    arguments = {"precisions": list(precisions), "device": device, "threads": threads, "seconds": seconds}
    answer = call_apart("cvp_core.bench.roofline:limits_here", arguments, time_limit=time_limit, threads=threads)
    if "error" in answer:
        raise MachineError(f"the limits of {device} could not be measured: {answer['error']}")
    return Limits(answer["gemm_gflops"], answer["copy_gb_s"], device, threads)


def limits_here(
    precisions: Sequence[str], device: str, threads: int | None, seconds: float, folder: str = ""
) -> dict[str, Any]:
    """`measure_limits` in this process; returns the fields of Limits that are measured."""
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    kind = device.partition(":")[0]
    gemm = {}
    for precision in precisions:
        sides = _SIDES.get(kind, _SIDES["cpu"])
        gemm[precision] = max(_product_rate(side, getattr(torch, precision), device, seconds) for side in sides)
    source = torch.ones(_COPY_MIB.get(kind, 256) << 18, device=device)  # 4 bytes each
    target = torch.empty_like(source)
    shortest = _shortest(lambda: target.copy_(source), device, seconds)
    return {"gemm_gflops": gemm, "copy_gb_s": 2 * source.nbytes / shortest / 1e9}


def _product_rate(side: int, dtype: torch.dtype, device: str, seconds: float) -> float:
    """GFLOP/s of (side, side) @ (side, side)."""
    import torch

    left, right = torch.randn(2, side, side, device=device).to(dtype)
    product = torch.empty_like(left)
    return 2 * side**3 / _shortest(lambda: torch.mm(left, right, out=product), device, seconds) / 1e9


def _shortest(call: Callable[[], object], device: str, seconds: float) -> float:
    """Seconds of the fastest of at least five calls: a limit is what is possible, not what is usual."""
    import torch

    durations: list[float] = []
    began = time.perf_counter()
    while len(durations) < 5 or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        call()
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        durations.append(time.perf_counter() - start)
    return min(durations)
