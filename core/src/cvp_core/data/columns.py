"""The columns of a table by what they are for: given, or guessed."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from ..catalogue import near_misses
from ..errors import DataError
from .class_folders import listed
from .image import IMAGE_SUFFIXES

__all__ = ["Columns"]

# Usual names, small and with "_" for other separators; the first that the table has is taken.
_IMAGES = (
    "image", "path", "file", "filename", "file_name", "filepath", "file_path", "image_path", "image_file", "image_name",
    "img", "img_path", "picture", "photo",
)  # fmt: skip
_LABELS = ("label", "class", "target", "category", "class_name", "label_name", "labels", "classes")
_SPLITS = ("split", "subset", "partition", "set")


@dataclass(frozen=True)
class Columns:
    """The names of the columns. split: None if there is none."""

    image: str
    label: str
    split: str | None

    @classmethod
    def pick(
        cls, file: Path, names: Sequence[str], first: Sequence[object], image: str | None, label: str | None
    ) -> Columns:
        """Those given, else by their usual names, else by what is in the `first` row and what is left.

        Raises DataError that shows the columns where one is not there or it is not clear which is meant.
        """
        image = _find(file, names, image, _IMAGES) or _only(_that_look_like_pictures(names, first))
        if image is None:
            _unclear(file, names, "pictures", "--image-column")
        label = _find(file, names, label, _LABELS) or _only([name for name in names if name != image])
        if label is None:
            _unclear(file, names, "labels", "--label-column")
        return cls(image, label, _find(file, names, None, _SPLITS))

    def note(self, file: Path) -> str:
        return (
            f"of {file.name}, column '{self.image}' is taken for the pictures and '{self.label}' for the labels; "
            "--image-column and --label-column name others"
        )


def _find(file: Path, names: Sequence[str], given: str | None, usual: Sequence[str]) -> str | None:
    if given is None:
        return next((name for one in usual for name in names if _plain(name) == one), None)
    if names.count(given) != 1:
        count = names.count(given) or "no"
        raise DataError(f"{file} has {count} column '{given}'.{near_misses(given, names)} {_shown(names)}")
    return given


def _that_look_like_pictures(names: Sequence[str], row: Sequence[object]) -> list[str]:
    """Columns of paths of pictures, or of the pictures themselves."""
    return [name for name, cell in zip(names, row, strict=False) if _is_path(cell) or _is_held(cell)]


def _is_path(cell: object) -> bool:
    return isinstance(cell, str) and os.path.splitext(cell.strip())[1].lower() in IMAGE_SUFFIXES


def _is_held(cell: object) -> bool:
    return isinstance(cell, bytes) or (isinstance(cell, dict) and isinstance(cell.get("bytes"), bytes))


def _only(names: Sequence[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def _unclear(file: Path, names: Sequence[str], what: str, option: str) -> NoReturn:
    raise DataError(f"{file} does not say which column has the {what}; name it by {option}. {_shown(names)}")


def _shown(names: Sequence[str]) -> str:
    return f"The columns are {listed(names)}."


def _plain(name: str) -> str:
    return name.strip().casefold().replace(" ", "_").replace("-", "_")
