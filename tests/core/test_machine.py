"""Threads by what the machine has free, and memory that stays with the process while it computes."""

from __future__ import annotations

import platform
from collections.abc import Iterator

import pytest
import torch

from cvp_core import machine
from cvp_core.machine import computing_threads, freed_memory_kept, pick_threads

MIB = 2**20


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
    durations += [BUSY, BUSY, BUSY, BUSY, FREE]
    assert pick_threads(tries=3) == 2
    assert durations == []


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_memory_is_used_again_without_asking_the_system() -> None:
    import resource

    def faults(mib: int = 256) -> int:
        """Pages that the kernel had to provide for a block that is asked for, written to and freed."""
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.zeros(mib * MIB, dtype=torch.uint8)
        return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

    pages = 256 * MIB // resource.getpagesize()
    assert min(faults() for _ in range(3)) > pages // 600  # pages may be huge ones of 2 MiB
    with freed_memory_kept():
        with freed_memory_kept():
            found = [faults() for _ in range(4)]
        assert min(found) < pages // 600
        assert faults() < pages // 600  # the inner one's end is not the outer one's
        held = resident()
    assert resident() < held - 200 * MIB


def resident() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * 4096
