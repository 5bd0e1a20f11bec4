"""The columns of a table by what they are for: given, as in `pets.csv?image=photo&label=species`, or guessed."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qsl, urlencode

from ..catalogue import near_misses
from ..errors import ConfigError, DataError
from .class_folders import listed
from .image import IMAGE_SUFFIXES

__all__ = ["TABLE_SUFFIXES", "Columns", "check_without_columns", "is_table", "split_address", "table_address"]

TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")

# Usual names, small and with "_" for other separators; the first that the table has is taken.
_IMAGES = (
    "image", "path", "file", "filename", "file_name", "filepath", "file_path", "image_path", "image_file", "image_name",
    "img", "img_path", "picture", "photo",
)  # fmt: skip
_LABELS = ("label", "class", "target", "category", "class_name", "label_name", "labels", "classes")
_SPLITS = ("split", "subset", "partition", "set")
_KEYS = ("image=", "label=")


# Where the columns begin: a pattern may have a ? before, and an address a query of its own.
_BEGIN = re.compile(r"\?(?=(?:image|label)=)|(?<=\.csv)\?|(?<=\.tsv)\?|(?<=\.parquet)\?", re.IGNORECASE)


def is_table(path: str | os.PathLike[str]) -> bool:
    """Whether it ends as a table does, with or without columns."""
    place, _ = _parted(os.fspath(path))
    name = place.partition("?")[0] if "://" in place else place.rstrip("}")  # such as {train.csv,test.csv}
    return name.lower().endswith(TABLE_SUFFIXES)


def table_address(path: str, image_column: str | None, label_column: str | None) -> str:
    """A table, a folder of them or a data set of the hub, and its columns, as one text to stand wherever data is given.

    Raises ConfigError for columns of what is none of these.
    """
    columns = {key: name for key, name in (("image", image_column), ("label", label_column)) if name is not None}
    if columns and not (is_table(path) or path.startswith("hf://") or os.path.isdir(os.path.expanduser(path))):
        raise _without_columns(path, columns)
    return f"{path}{'&' if _parted(path)[1] else '?'}{urlencode(columns)}" if columns else path


def split_address(path: str | os.PathLike[str]) -> tuple[str, str | None, str | None]:
    """The place of a `table_address`, its column of pictures and that of labels. Raises DataError for other columns."""
    place, columns = _parted(os.fspath(path))
    named = dict(parse_qsl(columns, keep_blank_values=True))
    if columns and (not named or not set(named) <= {"image", "label"}):
        raise DataError(f"'{os.fspath(path)}': after the ? stand columns as image=COLUMN&label=COLUMN")
    return place, named.get("image"), named.get("label")


def check_without_columns(path: str | os.PathLike[str]) -> None:
    """Raises ConfigError where columns are named of what is no table."""
    place, image, label = split_address(path)
    if columns := {key: name for key, name in (("image", image), ("label", label)) if name is not None}:
        raise _without_columns(place, columns)


def _without_columns(path: str, columns: Mapping[str, str]) -> ConfigError:
    given = " and ".join(f"--{key}-column" for key in columns)
    return ConfigError(f"{given} is for tables ({', '.join(TABLE_SUFFIXES)}); '{path}' is none")


def _parted(text: str) -> tuple[str, str]:
    """What stands before the columns, and the columns."""
    found = next((m for m in _BEGIN.finditer(text) if "://" not in text or text[m.end() :].startswith(_KEYS)), None)
    return (text[: found.start()], text[found.end() :]) if found else (text, "")


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
