"""Threads by what the machine has free, and memory that stays with the process while it computes."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from collections.abc import Iterator

import pytest

from cvp_core import machine
from cvp_core.machine import computing_threads, pick_threads


@pytest.fixture
def durations(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Of the operations to come, in seconds; the sleeps between them take no time."""
    coming: list[float] = []
    monkeypatch.setattr(machine, "_seconds_an_operation", lambda: coming.pop(0))
    monkeypatch.setattr(machine.time, "sleep", lambda seconds: None)
    with computing_threads(4):
        yield coming


BUSY, FREE = 1e-2, 2e-5


def test_threads_are_as_many_as_run_without_waiting(durations: list[float]) -> None:
    durations += [FREE]
    assert pick_threads() == 4
    durations += [BUSY, FREE]
    assert pick_threads() == 2
    durations += [BUSY, BUSY]
    assert pick_threads() == 1
    assert durations == []
    assert pick_threads(3) == 3


def test_a_moments_load_takes_no_thread_from_long_work(durations: list[float]) -> None:
    durations += [BUSY, BUSY, FREE]
    assert pick_threads(tries=3) == 4
    durations += [BUSY, BUSY, BUSY, FREE, BUSY, FREE]
    assert pick_threads(tries=3) == 2
    assert durations == []


# In a process of its own: after an allocation that failed, glibc serves the main thread as it serves others.
BLOCKS = """
import json, resource
import numpy as np
from cvp_core.machine import freed_memory_kept

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(256 * 2**20, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()

found = {"before": min(faults() for _ in range(3))}
with freed_memory_kept():
    with freed_memory_kept():
        found["inside"] = min(faults() for _ in range(4))
    found["after the inner one"] = faults()
    held = resident()
found["given back"] = held - resident()
print(json.dumps(found))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_used_again_without_asking_the_system() -> None:
    """Page faults of a block of 256 MiB that is asked for, written to and freed."""
    answer = subprocess.run([sys.executable, "-c", BLOCKS], capture_output=True, text=True, check=True)
    found = json.loads(answer.stdout)
    assert found["before"] >= 128  # pages may be huge ones of 2 MiB
    assert found["inside"] < 100
    assert found["after the inner one"] < 100
    assert found["given back"] > 200 * 2**20
