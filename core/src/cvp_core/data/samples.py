"""The samples of one shard: members that share a name up to its first dot, a picture with its label."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import BufferedReader

import numpy as np

from ..errors import DataError
from .class_folders import listed
from .members import Members, is_picture, safe_parts
from .packed import PART, Container

__all__ = ["Shard", "read_shard"]

_SAMPLE = re.compile(r"((?:.*/)?[^./][^./]*)\.([^/]+)")
_LABEL_KEYS = ("label", "class", "cls", "target")
_LONGEST = 1 << 20  # bytes of a label's file


@dataclass(frozen=True)
class Shard:
    """Names and places of the pictures of a tar, and the label of each as it is written there, None if it has none.

    is_meant: it has a .cls, or a label for every picture; else its .json files may be anything beside pictures.
    """

    container: Container
    names: list[str]
    parts: np.ndarray
    written: list[str | int | None]
    is_meant: bool
    notes: tuple[str, ...]

    @property
    def title(self) -> str:
        return self.container.title

    def check(self, count: int | None) -> None:
        """Raises DataError for a picture without label, and for another number of samples than there should be."""
        if None in self.written:
            name = self.names[self.written.index(None)]
            raise DataError(f"{self.title}: '{name}' has no label; expected a file of the same name that ends in .cls")
        if count is not None and count != len(self.names):
            raise DataError(
                f"{self.title} has {len(self.names)} samples where {count} are counted beside it; copy it again"
            )

    def named_labels(self, classes: Sequence[str], origin: str) -> list[str]:
        """The class of each sample. Raises DataError for one that is none of `classes`, which `origin` names."""
        known = set(classes)
        found = []
        for name, label in zip(self.names, self.written, strict=True):
            if not classes:
                found.append(str(label))
            elif isinstance(label, int) and 0 <= label < len(classes):
                found.append(classes[label])
            elif label in known:
                found.append(str(label))
            else:
                raise DataError(
                    f"{self.title}: '{name}' has the label '{label}'; {origin} names {len(classes)} classes, "
                    f"0 to {len(classes) - 1}: {listed(list(classes))}"
                )
        return found


def read_shard(members: Members) -> Shard:
    """The samples of an archive. Raises DataError for a .cls that cannot be read, by the member's name."""
    samples: dict[str, dict[str, int]] = {}
    for number, name in enumerate(members.names):
        if safe_parts(name) and (match := _SAMPLE.fullmatch(name)):
            samples.setdefault(match[1], {})[match[2].lower()] = number
    pictures: list[int] = []
    written: list[str | int | None] = []
    bare = 0
    with open(members.container.path, "rb") as file:
        for fields in samples.values():
            images = [(field.count("."), number) for field, number in fields.items() if is_picture(f"x.{field}")]
            if images:
                pictures.append(min(images)[1])
                written.append(_label(file, members, fields))
            else:
                bare += 1
    notes = list(members.notes)
    if bare and pictures:
        notes.append(f"{members.container.title} has {bare} samples without a picture, which are ignored")
    names = [members.names[number] for number in pictures]
    parts = members.parts[pictures] if pictures else np.empty(0, PART)
    is_meant = any("cls" in fields for fields in samples.values()) or (bool(written) and None not in written)
    return Shard(members.container, names, parts, written, is_meant, tuple(notes))


def _label(file: BufferedReader, members: Members, fields: dict[str, int]) -> str | int | None:
    if (number := fields.get("cls")) is not None:
        text = _text(file, members, number)
        if text is None:
            raise DataError(f"{members.container.title}: '{members.names[number]}' is no label: it must be short text")
        return _number_or_name(text)
    if (number := fields.get("json")) is not None:
        try:
            label = _in_document(json.loads(_text(file, members, number) or "null"))
        except ValueError:
            return None
        if isinstance(label, str):
            return _number_or_name(label.strip())
        if isinstance(label, int) and not isinstance(label, bool):
            return label
    return None


def _number_or_name(text: str) -> str | int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text or None


def _text(file: BufferedReader, members: Members, number: int) -> str | None:
    """The text of a member; None for what is none or too long."""
    part = members.parts[number]
    if part["stored"] > _LONGEST:
        return None
    file.seek(int(part["start"]))
    try:
        return file.read(int(part["stored"])).decode("utf-8").strip()
    except ValueError:
        return None


def _in_document(document: object) -> object:
    if not isinstance(document, dict):
        return document
    return next((document[key] for key in _LABEL_KEYS if key in document), None)
