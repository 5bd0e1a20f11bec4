"""Files set aside in a folder beside the data, and put back: at any moment each is in one of its two places.

NAME.quarantine/ holds them under the paths that they had, and manifest.jsonl: a line a file, on the disk before that
file moves. A file is moved by one rename, never copied, overwritten or deleted. So whatever ends the program, and
whenever, `restore` puts all back, and setting aside again completes what was begun.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError, OutputError
from .surplus import Surplus

__all__ = ["Restored", "quarantine_of", "restore", "set_aside"]

_MANIFEST = "manifest.jsonl"


@dataclass(frozen=True)
class Restored:
    """moved: how many files are back. left: those that are not, because a file of that name is there again."""

    moved: int
    left: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Move:
    """path: below the data's folder. to: below the quarantine. Both as the system has them."""

    path: str
    to: str
    reason: str

    def line(self) -> bytes:
        # ASCII alone: names that are no Unicode survive as lone surrogates.
        return json.dumps({"path": self.path, "to": self.to, "reason": self.reason}).encode() + b"\n"


def quarantine_of(folder: Path) -> Path:
    """Where files of `folder` are set aside: beside the real folder, where a rename can reach."""
    real = folder.expanduser().resolve()
    return real.with_name(f"{real.name}.quarantine")


def set_aside(folder: Path, surplus: Iterable[Surplus]) -> int:
    """Moves files of `folder` into its quarantine and returns how many.

    Raises OutputError where that cannot be made or read or lies on another disk, DataError where something else has its
    name or a path leads out of the folder. Files that are gone meanwhile are passed over.
    """
    target = quarantine_of(folder)
    real = folder.expanduser().resolve()
    list(_moves(target))  # raises where it is not ours
    moves: list[_Move] = []
    taken: set[str] = set()
    for each in surplus:
        path = os.path.relpath(os.path.abspath(each.path), os.path.abspath(folder.expanduser()))
        if path.split(os.sep)[0] == os.pardir:
            raise DataError(f"'{each.path}' does not lie below {folder}; only what does can be set aside")
        moves.append(_Move(path, _free(target, path, taken), each.reason))
        taken.add(moves[-1].to)
    if not moves:
        return 0
    _append(target, moves)
    return sum(_rename(real / move.path, target / move.to) for move in moves)


def restore(folder: Path) -> Restored:
    """Moves all back and removes the quarantine; it stays while a file in it has no place to go to.

    Raises DataError where there is no quarantine, or a folder of that name which is none.
    """
    target = quarantine_of(folder)
    real = folder.expanduser().resolve()
    if not target.is_dir():
        raise DataError(f"nothing of {folder} is set aside: there is no folder {target}")
    moved = 0
    left = []
    for move in reversed(list(_moves(target))):  # the last that was set aside is the one that goes back to a name
        if not os.path.lexists(target / move.to):
            continue  # it was never moved, or is back already
        if os.path.lexists(real / move.path):
            left.append(str(real / move.path))
        else:
            moved += _rename(target / move.to, real / move.path)
    if not left:
        _remove(target)
    return Restored(moved, tuple(left))


def _moves(target: Path) -> Iterator[_Move]:
    """What the manifest says. A last line without an end was never followed by a move."""
    try:
        content = (target / _MANIFEST).read_bytes()
    except FileNotFoundError:
        if target.is_dir() and any(target.iterdir()):
            raise DataError(f"{target} has no {_MANIFEST}, so cvp did not make it; rename it") from None
        return
    except OSError as error:
        raise OutputError(f"{target / _MANIFEST} cannot be read: {error.strerror or error}") from None
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            fields = json.loads(line)
            move = _Move(fields["path"], fields["to"], fields["reason"])
            if any(os.path.isabs(path) or os.pardir in Path(path).parts for path in (move.path, move.to)):
                raise ValueError(line)  # whoever wrote that would have files moved elsewhere
            yield move
        except (ValueError, KeyError, TypeError):
            where = f"{target / _MANIFEST}, line {number}"
            raise DataError(f"{where} is damaged; mend it or move the files back by hand") from None


def _append(target: Path, moves: list[_Move]) -> None:
    """The lines are on the disk when this returns."""
    try:
        target.mkdir(exist_ok=True)
        if target.stat().st_dev != target.with_name(target.name.removesuffix(".quarantine")).stat().st_dev:
            raise OSError(errno.EXDEV, "it would lie on another disk than the pictures")
        with open(target / _MANIFEST, "a+b") as file:
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)  # of a line that was cut off
            file.write(b"".join(move.line() for move in moves))
            file.flush()
            os.fsync(file.fileno())
        _sync(target)
        _sync(target.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            target.rmdir()  # where nothing is in it
        raise OutputError(f"cannot set files aside in {target}: {error.strerror or error}") from None


def _free(target: Path, path: str, taken: set[str]) -> str:
    """The path itself, or where a file of that name was set aside before, one with a number."""
    stem, suffix = os.path.splitext(path)
    to, number = path, 2
    while to in taken or to == _MANIFEST or os.path.lexists(target / to):
        to, number = f"{stem} ({number}){suffix}", number + 1
    return to


def _rename(source: Path, target: Path) -> bool:
    """Whether the file was there to be moved."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(source, target)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise OutputError(f"cannot move {source} to {target}: {error.strerror or error}; the rest stays") from None
    return True


def _remove(target: Path) -> None:
    """The empty folders from below, then the manifest, then the folder: until then it can be told from others."""
    for current, _, _ in os.walk(target, topdown=False):
        if Path(current) != target:
            with contextlib.suppress(OSError):
                os.rmdir(current)
    others = [entry.name for entry in os.scandir(target) if entry.name != _MANIFEST]
    if others:
        raise DataError(f"all is back, but {target} stays: it holds {others[0]}, which cvp did not set aside")
    (target / _MANIFEST).unlink(missing_ok=True)
    target.rmdir()


def _sync(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not every system can
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
