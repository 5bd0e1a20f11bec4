"""What this machine can do: devices, CPU features, the precision that pays."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

from .errors import ConfigError

__all__ = ["PRECISIONS", "available_cpus", "cpu_features", "describe_device", "pick_device", "pick_precision"]

PRECISIONS = ("auto", "float32", "bfloat16", "float16")

# Below this many multiply-accumulates a picture, casting costs more than bfloat16 saves (measured on an AMX Xeon:
# a 5 M net loses a fifth, a 40 M net gains half).
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
        here.insert(0, "cuda")
    elif torch.backends.mps.is_available():
        here.insert(0, "mps")
    if wanted == "auto":
        return here[0]
    if wanted.partition(":")[0] not in here:
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


def describe_device(device: str) -> str:
    """For the screen: `cpu (2 threads, AMX)`, `cuda (NVIDIA H100)`."""
    import torch

    if device.startswith("cuda"):
        return f"{device} ({torch.cuda.get_device_name(device)})"
    if device != "cpu":
        return device
    threads = torch.get_num_threads()
    best = [
        label
        for feature, label in (("amx_bf16", "AMX"), ("avx512f", "AVX-512"), ("avx2", "AVX2"))
        if feature in cpu_features()
    ]
    extra = best[0] if best else platform.machine()
    return f"cpu ({threads} thread{'s' if threads != 1 else ''}, {extra})"
