"""How far a long job on pictures is: a bar on stderr with speed and time left; nothing where that is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["pictures_bar"]


@contextmanager
def pictures_bar(what: str, total: int | None = None) -> Iterator[Callable[..., None]]:
    """Gives what is to be called with the number of pictures done and, where it was not known before, of how many."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(28),
        MofNCompleteColumn(),
        TextColumn("pictures, {task.fields[speed]:.0f} a second"),
        TimeRemainingColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total, speed=0.0)

        def show(done: int, of: int | None = total) -> None:
            bar.update(task, completed=done, total=of, speed=bar.tasks[0].speed or 0.0)

        yield show
