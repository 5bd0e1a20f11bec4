"""What this machine can do: devices, CPU features, the precision that pays."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from .errors import ConfigError

__all__ = [
    "PRECISIONS",
    "available_cpus",
    "computing_threads",
    "cpu_features",
    "describe_device",
    "fitting_threads",
    "freed_memory_kept",
    "peak_memory_mb",
    "pick_device",
    "pick_precision",
    "pick_threads",
]

PRECISIONS = ("auto", "float32", "bfloat16", "float16")

# Below this many multiply-accumulates a picture, casting to bfloat16 costs more than it saves.
_WORTH_CASTING = 20_000_000


@cache
def cpu_features() -> frozenset[str]:
    """Of avx2, avx512f, avx512_bf16, amx_bf16, amx_int8, those that Linux reports; empty elsewhere."""
    known = {"avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8"}
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("flags"):
                return frozenset(known.intersection(line.split()))
    except OSError:
        pass
    return frozenset()


def available_cpus() -> int:
    """CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pick_device(wanted: str = "auto") -> str:
    """cuda, mps or cpu. Raises ConfigError for a device that is not there."""
    import torch

    here = ["cpu"]
    if torch.cuda.is_available():
        here = ["cuda", *(f"cuda:{index}" for index in range(torch.cuda.device_count())), "cpu"]
    elif torch.backends.mps.is_available():
        here = ["mps", "cpu"]
    if wanted == "auto":
        return here[0]
    if wanted not in here:
        raise ConfigError(f"device '{wanted}' is not on this machine; it has {', '.join(here)}")
    return wanted


def pick_precision(wanted: str, device: str, macs: int) -> str:
    """The precision to compute in: `wanted`, or for `auto` bfloat16 where hardware and model size make it pay."""
    import torch

    if wanted not in PRECISIONS:
        raise ConfigError(f"precision '{wanted}' is not one of {', '.join(PRECISIONS)}")
    if wanted == "float16" and device == "cpu":
        raise ConfigError("precision float16 needs a GPU; on a CPU take bfloat16 or float32")
    if wanted != "auto":
        return wanted
    if device.startswith("cuda"):
        return "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float32"
    is_fast = bool(cpu_features() & {"amx_bf16", "avx512_bf16"})
    return "bfloat16" if device == "cpu" and is_fast and macs >= _WORTH_CASTING else "float32"


def pick_threads(wanted: int | None = None, tries: int = 1) -> int:
    """Threads to compute with: `wanted`, else as many as torch has and the machine has cores free for.

    Each of a model's thousand operations waits for its slowest thread. On a core that another program
    uses that is a time slice of milliseconds, so that two threads can be forty times slower than one.
    Small operations are timed, for a few milliseconds on an idle machine, and threads halved until they run.
    tries: how often, half a second apart, a core must be found in use, for work that is long beside that.
    """
    import torch

    if wanted is not None:
        return wanted
    most, free = torch.get_num_threads(), 1
    for number in range(tries):
        if number:
            time.sleep(_SECONDS_BETWEEN_TRIES)
        free = max(free, _free_threads(most))
        if free == most:
            break
    return free


def _free_threads(most: int) -> int:
    """Of `most`, half of them and so on the first number of which none waits for its core now."""
    threads = most
    while threads > 1:
        with computing_threads(threads):
            if _seconds_an_operation() < _SLOW_OPERATION_S:
                break
        threads //= 2
    return threads


@contextmanager
def computing_threads(threads: int) -> Iterator[None]:
    """Torch computes with `threads` inside, and with as many as before afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


# Of glibc's mallopt: what is set inside, and afterwards what it would have come to by itself.
_MMAP_THRESHOLD, _MMAP_MAX, _TRIM_THRESHOLD, _TOP_PAD = -3, -4, -1, -2
_KEPT = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, 2**31 - 1), (_TOP_PAD, 64 * 2**20))
_USUAL = ((_MMAP_MAX, 65536), (_TRIM_THRESHOLD, 64 * 2**20), (_TOP_PAD, 0), (_MMAP_THRESHOLD, 32 * 2**20))
_keeping = 0


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Inside, memory that is freed stays with the process for the next block of its size; then the system gets it.

    glibc returns every block above 32 MB at once, and the kernel fills each page with zeros when it is asked for anew:
    two thirds of the time of an addition or a ReLU over a stage's first maps. It is so for blocks of the main
    thread; where there is no glibc nothing changes.
    """
    global _keeping
    import ctypes

    try:
        glibc = ctypes.CDLL(None)
        mallopt, malloc_trim = glibc.mallopt, glibc.malloc_trim
    except (OSError, TypeError, AttributeError):
        yield
        return
    _keeping += 1
    for option, value in _KEPT:
        mallopt(option, value)
    try:
        yield
    finally:
        _keeping -= 1
        if not _keeping:
            for option, value in _USUAL:
                mallopt(option, value)
            malloc_trim(0)


@contextmanager
def fitting_threads() -> Iterator[None]:
    """Where torch is loaded, it computes inside with as many threads as the machine has cores free for."""
    if "torch" not in sys.modules:
        yield
        return
    with computing_threads(pick_threads()):
        yield


# 100,000 additions take 10 to 50 microseconds; a lost time slice takes at least a millisecond.
_SLOW_OPERATION_S = 0.0003
_SECONDS_BETWEEN_TRIES = 0.5


def _seconds_an_operation(count: int = 200, limit_s: float = 0.3) -> float:
    """Mean duration of a small operation that is spread over all threads."""
    import torch

    values = torch.ones(100_000)
    began = time.perf_counter()
    done = 0
    while done < count and time.perf_counter() - began < limit_s:
        values.add_(1.0)
        done += 1
    return (time.perf_counter() - began) / done


def describe_device(device: str, threads: int | None = None) -> str:
    """For the screen: `cpu (2 threads, AMX)`, `cuda (NVIDIA H100)`, or that a busy machine leaves fewer threads."""
    import torch

    if device.startswith("cuda"):
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device != "cpu":
        return device
    most = torch.get_num_threads()
    used = most if threads is None else threads
    best = [
        label
        for feature, label in (("amx_bf16", "AMX"), ("avx512f", "AVX-512"), ("avx2", "AVX2"))
        if feature in cpu_features()
    ]
    extra = best[0] if best else platform.machine()
    if used < most:
        return f"cpu ({used} of {most} threads, the machine is busy; {extra})"
    return f"cpu ({used} thread{'s' if used != 1 else ''}, {extra})"


def peak_memory_mb() -> float:
    """Of this process, as Linux counts it since its program began (getrusage counts the parent in); 0 elsewhere."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) * 1024 / 1e6 if found else 0.0
