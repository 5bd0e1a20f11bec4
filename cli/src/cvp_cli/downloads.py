"""What a person sees of a download, or of an archive that is unpacked: a bar on a terminal, else one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .output import clean, format_size, say

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

__all__ = ["DownloadDisplay", "downloads_shown"]

_LONG = 10_000_000  # bytes: less is unpacked at once


@contextmanager
def downloads_shown() -> Iterator[None]:
    """Downloads inside, and what is unpacked, are shown on stderr."""
    from cvp_core.data.unpacking import unpacking_watched
    from cvp_core.download import watched

    downloads, unpacked = DownloadDisplay(), DownloadDisplay("unpacking", least=_LONG)
    try:
        with watched(downloads), unpacking_watched(unpacked):
            yield
    finally:
        downloads.end()
        unpacked.end()


class DownloadDisplay:
    """Called as a cvp_core.download.Progress: (name, bytes so far, bytes in all or None).

    least: bytes below which nothing is said.
    """

    def __init__(self, verb: str = "downloading", least: int = 0) -> None:
        self.verb, self.least = verb, least
        self.name = ""
        self.bar: Bar | None = None

    def __call__(self, name: str, received: int, total: int | None) -> None:
        import sys

        if total is not None and total < self.least:
            return
        is_new = name != self.name
        self.name = name
        if not sys.stderr.isatty():
            if is_new:
                there = f", {format_size(received)} of it here already" if received else ""
                say(f"{self.verb} {name}{f' ({format_size(total)}{there})' if total else ''}")
            return
        if is_new or self.bar is None:
            self.end()
            self.bar = _bar()
            self.bar.add_task(clean(name if self.verb == "downloading" else f"{self.verb} {name}"), total=total)
            self.bar.start()
        self.bar.update(self.bar.task_ids[0], completed=received, total=total)
        if total is not None and received >= total:
            self.end()

    def end(self) -> None:
        """Takes the bar away."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    return Bar(
        TextColumn("{task.description}", markup=False),
        BarColumn(28),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        TextColumn("left"),
        console=Console(stderr=True),
        transient=True,
    )
