"""Processes that decode pictures: what to say, once, when the system ends one of them."""

from __future__ import annotations

import multiprocessing
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from ..errors import MachineError

__all__ = ["end_workers", "explained", "ignore_interrupt", "watch_workers", "worker_context"]


@contextmanager
def explained() -> Iterator[None]:
    """Turns what DataLoader raises for a lost worker into a MachineError; errors out of a worker's own code pass."""
    try:
        yield
    except (RuntimeError, ConnectionError, FileNotFoundError, EOFError) as error:
        # A batch is fetched from the worker that made it, so a lost connection may come before DataLoader's error.
        text = str(error)
        if text.startswith("Caught ") or (isinstance(error, RuntimeError) and "DataLoader worker" not in text):
            raise
        _Watch.has_told = True
        raise MachineError(
            "a process that decodes pictures was ended by the system, most likely because memory ran out; "
            "--workers 0 decodes without further processes, and fewer workers or a smaller batch need less memory"
        ) from error


def watch_workers(has_new: bool) -> None:
    """Explains the error, too, that DataLoader's SIGCHLD handler raises in whatever the main thread is doing.

    To be called when an epoch begins. has_new: workers were started for it.
    """
    if not hasattr(signal, "SIGCHLD") or threading.current_thread() is not threading.main_thread():
        return
    handler = signal.getsignal(signal.SIGCHLD)
    if has_new:
        if isinstance(handler, _Watch) and _Watch.has_told:
            handler(signal.SIGCHLD, None)  # forgets those of a loss that was told
        _Watch.has_told = False
    if callable(handler) and not isinstance(handler, _Watch):
        signal.signal(signal.SIGCHLD, _Watch(handler))


def end_workers(loader: Any) -> None:
    """Ends what is left of a DataLoader's workers; as long as they are known, each further signal is an error again."""
    iterator, loader._iterator = loader._iterator, None
    if hasattr(iterator, "_shutdown_workers"):
        iterator._shutdown_workers()


def ignore_interrupt(_: int) -> None:
    """Ctrl-C is the main process's to handle, and so is how it takes SIGTERM; a worker ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def worker_context() -> Any:
    """The usual way to start processes, with events that nobody can take along into death.

    DataLoader asks its workers to end by an event; multiprocessing's own has a lock, and one that a process holds when
    the system ends it is never free again: the others, and the main process, would wait for ever.
    """
    usual = multiprocessing.get_context()

    class Context(type(usual)):  # type: ignore[misc]
        def Event(self) -> _Flag:  # noqa: N802 - multiprocessing's name
            return _Flag()

    return Context()


class _Flag:
    """An event that is only set and looked at: one byte of shared memory."""

    def __init__(self) -> None:
        self._byte = multiprocessing.RawValue("b", 0)

    def set(self) -> None:
        self._byte.value = 1

    def is_set(self) -> bool:
        return bool(self._byte.value)


class _Watch:
    has_told = False  # the signal of a loss, or of the workers that end after it, may come after the loader noticed

    def __init__(self, handler: Any) -> None:
        self.handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        had_told = _Watch.has_told
        try:
            with explained():
                self.handler(number, frame)
        except MachineError:
            if not had_told:
                raise
