"""Contenders that live side by side, each in a process of its own, and are timed in turns.

Two that are timed one after the other differ by what the machine did meanwhile, by a tenth and more on a shared one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import statistics
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from multiprocessing.connection import Connection


def turn(pipe: Connection, make: Callable[..., Callable[[], Any]], given: Mapping[str, Any]) -> None:
    """Times what `make` gives for as many seconds as it is told, whenever it is told; sends the median."""
    run = make(**given)
    run()
    pipe.send(0.0)
    while True:
        seconds = pipe.recv()
        took, end = [], time.perf_counter() + seconds
        run()
        while len(took) < 2 or time.perf_counter() < end:
            began = time.perf_counter()
            run()
            took.append(time.perf_counter() - began)
        pipe.send(statistics.median(took))


def in_turns(
    contenders: Mapping[str, tuple[Callable[..., Callable[[], Any]], Mapping[str, Any]]],
    seconds: float,
    rounds: int = 10,
) -> dict[str, float]:
    """Seconds of a call of each, the medians of the rounds; one that fails is left out.

    contenders: by name, what makes the call, and what it is made with. Both are pickled.

    Who waits for its turn is stopped: threads that look for work go on for a while after the last, at others' expense.
    """
    context = multiprocessing.get_context("spawn")
    pipes: dict[str, Connection] = {}
    found: dict[str, list[float]] = {name: [] for name in contenders}
    processes = {}

    def heard(name: str, *told: float) -> None:
        process = processes[name].pid
        try:
            os.kill(process, signal.SIGCONT)
            for value in told:
                pipes[name].send(value)
            found[name].append(pipes[name].recv())
            os.kill(process, signal.SIGSTOP)
        except (EOFError, OSError):
            del pipes[name], found[name]

    try:
        for name, (make, given) in contenders.items():
            pipes[name], other = context.Pipe()
            processes[name] = context.Process(target=turn, args=(other, make, given), daemon=True)
            processes[name].start()
            other.close()
            heard(name)  # that it is ready
        for _ in range(rounds):
            for name in tuple(pipes):
                heard(name, seconds)
    finally:  # one that is stopped hears of nothing else
        for process in processes.values():
            process.kill()
            process.join()
    return {name: statistics.median(took[1:]) for name, took in found.items()}
