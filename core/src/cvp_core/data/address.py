"""Where data is and how it is to be read, in one text: `pets.csv?image=photo&label=species`, `train.txt?follow=yes`."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from urllib.parse import parse_qsl, urlencode

from ..errors import ConfigError, DataError

__all__ = ["LIST_SUFFIXES", "TABLE_SUFFIXES", "Address", "with_reading"]

LIST_SUFFIXES = (".txt", ".lst", ".list")
TABLE_SUFFIXES = (".csv", ".tsv", ".parquet")

_KEYS = ("image", "label", "follow")
_YES = "yes"
# Where the reading begins: a pattern may have a ? before, and a URL a query of its own.
_NAMED = rf"\?(?=(?:{'|'.join(_KEYS)})=)"
_BEGIN = re.compile("|".join([_NAMED, *(rf"(?<=\{end})\?" for end in TABLE_SUFFIXES + LIST_SUFFIXES)]), re.IGNORECASE)
_BEGIN_IN_URL = re.compile(_NAMED, re.IGNORECASE)


@dataclass(frozen=True)
class Address:
    """A path, a URL or a pattern, and how it is to be read.

    image, label: a table's columns of pictures and of labels, guessed where None. follow: paths that a list or a table
    names may lead out of its folder.
    """

    place: str
    image: str | None = None
    label: str | None = None
    follow: bool = False

    @classmethod
    def parse(cls, text: str | os.PathLike[str]) -> Address:
        """Raises DataError for what is said otherwise than image=COLUMN&label=COLUMN&follow=yes."""
        place, reading = _parted(os.fspath(text))
        named = dict(parse_qsl(reading, keep_blank_values=True))
        if reading and (not named or not set(named) <= set(_KEYS) or named.get("follow", _YES) != _YES):
            raise DataError(
                f"'{os.fspath(text)}': after the ? stand columns as image=COLUMN&label=COLUMN, or follow=yes"
            )
        return cls(place, named.get("image"), named.get("label"), "follow" in named)

    def __str__(self) -> str:
        named = {key: name for key, name in (("image", self.image), ("label", self.label)) if name is not None}
        reading = urlencode(named | ({"follow": _YES} if self.follow else {}))
        return f"{self.place}?{reading}" if reading else self.place

    @property
    def is_table(self) -> bool:
        """Whether it ends as a table does."""
        return self._ends(TABLE_SUFFIXES)

    @property
    def is_list(self) -> bool:
        """Whether it ends as a list file does."""
        return self._ends(LIST_SUFFIXES)

    @property
    def names_pictures(self) -> bool:
        """Whether it ends as a file does that names pictures by their paths."""
        return self.is_table or self.is_list

    def check_without_columns(self) -> None:
        """Raises ConfigError where columns are named of what is no table."""
        if given := [f"--{key}-column" for key in ("image", "label") if getattr(self, key) is not None]:
            raise ConfigError(
                f"{' and '.join(given)} is for tables ({', '.join(TABLE_SUFFIXES)}); '{self.place}' is none"
            )

    def check_without_follow(self) -> None:
        """Raises ConfigError where paths are to be followed of what names none."""
        if self.follow:
            files = ", ".join(LIST_SUFFIXES + TABLE_SUFFIXES)
            raise ConfigError(f"--follow is for files that name pictures ({files}); '{self.place}' is none")

    def _ends(self, suffixes: tuple[str, ...]) -> bool:
        # A URL may have a query of its own, and a pattern may end such as {train.csv,test.csv}.
        name = self.place.partition("?")[0] if "://" in self.place else self.place.rstrip("}")
        return name.lower().endswith(suffixes)


def with_reading(
    data: str, image_column: str | None = None, label_column: str | None = None, *, follow: bool = False
) -> str:
    """`data` and how to read it as one text, to stand wherever data is given; what it says already is kept.

    Raises ConfigError for columns of what is neither a table, nor a folder, nor a data set of the hub, and for `follow`
    of what is neither a table, nor a folder, nor a list file.
    """
    found = Address.parse(data)
    asked = replace(
        found, image=image_column or found.image, label=label_column or found.label, follow=follow or found.follow
    )
    if not (asked.is_table or os.path.isdir(os.path.expanduser(asked.place))):
        if not asked.place.startswith("hf://"):
            asked.check_without_columns()
        if not asked.is_list:
            asked.check_without_follow()
    return str(asked)


def _parted(text: str) -> tuple[str, str]:
    """What stands before the reading, and the reading."""
    found = (_BEGIN_IN_URL if "://" in text else _BEGIN).search(text)
    return (text[: found.start()], text[found.end() :]) if found else (text, "")
