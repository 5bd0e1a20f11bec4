"""What an archive holds: its members' names, where their bytes lie, and what is left out for safety."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..errors import DataError
from .image import IMAGE_SUFFIXES
from .packed import PART, Container
from .walk import JUNK

__all__ = ["MAX_MEMBERS", "Members", "Row", "is_picture", "safe_parts"]

MAX_MEMBERS = 20_000_000  # beyond any data set of pictures: their names alone take gigabytes
_MAX_DEPTH = 100  # folders: a name may have thousands

Row = tuple[int, int, int, int, int, int]  # the fields of PART


@dataclass(frozen=True)
class Members:
    """The regular files of one archive, each with its PART, then its folders; names as the archive has them.

    ignored: members that are neither, such as links and devices: nothing is ever followed.
    """

    container: Container
    names: list[str]
    parts: np.ndarray
    folders: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def with_notes(self, notes: Iterable[str]) -> Members:
        return replace(self, notes=(*self.notes, *notes))

    @classmethod
    def collected(cls, container: Container, found: Iterable[tuple[str, str, Row]]) -> Members:
        """From (name, "file" | "folder" | "other", row). A name that comes again replaces what came before.

        Raises DataError for more than MAX_MEMBERS.
        """
        files: dict[str, Row] = {}
        others: dict[str, list[str]] = {"folder": [], "other": []}
        for count, (name, kind, row) in enumerate(found):
            if count >= MAX_MEMBERS:
                raise DataError(f"{container.title} has more than {MAX_MEMBERS:,} members; split it")
            if kind == "file":
                files[name] = row
            else:
                others[kind].append(name)
        parts = np.array(list(files.values()), dtype=PART)
        return cls(container, list(files), parts, tuple(others["folder"]), tuple(others["other"]))


def is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES


def safe_parts(name: str) -> tuple[str, ...] | None:
    """The folders and the name of a member; empty for a hidden one, None for one that leads out or is too deep."""
    if name.startswith("/") or name[1:3] in (":/", ":\\") or "\0" in name:
        return None
    parts = tuple(_proper(name))
    if ".." in parts or len(parts) > _MAX_DEPTH:
        return None
    return () if any(part.startswith(".") or part in JUNK for part in parts) else parts


def _proper(name: str) -> Iterator[str]:
    return (part for part in name.split("/") if part not in ("", "."))
