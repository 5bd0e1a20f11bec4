"""Class folders, with or without train/val/test, as a data set, wherever they are: on disk or in an archive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

import numpy as np

from ..errors import DataError
from .sources import DataSplits, ImageSet

__all__ = ["ALIASES", "Folder", "listed", "read_class_folders", "split_called"]

ALIASES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}

_KINDS = ".jpg, .png, .webp, ..."

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Folder(Protocol[T_co]):
    """A folder whose pictures come in pieces T, such as one picture each. As text it is what a person calls it."""

    @property
    def name(self) -> str:
        """Its own name, fit to print and to store."""
        ...

    def folders(self) -> Sequence[Folder[T_co]]:
        """The visible folders in it, by name."""
        ...

    def pictures(self) -> Iterable[T_co]:
        """Those in it at any depth, sorted."""
        ...

    def count_flat(self) -> int:
        """How many pictures lie in the folder itself."""
        ...


def read_class_folders(
    root: Folder[T],
    as_set: Callable[[list[T], np.ndarray], ImageSet],
    *,
    name: str,
    notes: Sequence[str] = (),
    size: Callable[[T], int] = lambda piece: 1,
) -> DataSplits:
    """The pictures of `root`/CLASS/, or of `root`/train/CLASS/ with val and test beside train.

    as_set: makes the set of pieces of pictures and a label for each picture. notes: what is to be told before what is
    found here. size: how many pictures a piece is, at least one.
    Raises DataError, in one line, for what cannot be trained on.
    """
    children = root.folders()
    splits = _split_folders(root, children)
    train = _Classes.of(splits.get("train", root), size)
    train.check()
    told = [*notes, *train.notes(train.names, is_train=True)]
    held_out: dict[str, ImageSet | None] = {"val": None, "test": None}
    for split in [split for split in held_out if split in splits]:
        classes = _Classes.of(splits[split], size)
        if any(classes.pictures.values()):
            classes.check_known(train.names)
            held_out[split] = classes.as_set(train.names, as_set)
            told += classes.notes(train.names, is_train=False)
        else:
            told.append(f"{splits[split].name}/ has no class folders with pictures and is ignored")
    others = [child.name for child in children if splits and child not in splits.values()]
    if others:
        told.append(f"folders beside {splits['train'].name}/ are ignored: {listed(others)}")
    return DataSplits(
        name=name,
        classes=train.names,
        train=train.as_set(train.names, as_set),
        val=held_out["val"],
        test=held_out["test"],
        location=str(root),
        notes=tuple(told),
    )


def split_called(name: str) -> str | None:
    """'val' for "Validation", and so on; None for what is no split's name."""
    return next((split for split, aliases in ALIASES.items() if name.casefold() in aliases), None)


def listed(names: Sequence[str]) -> str:
    """'a', 'b' and, where there are more than five, how many more."""
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _split_folders(root: Folder[T], children: Sequence[Folder[T]]) -> dict[str, Folder[T]]:
    """The folders of train, val and test; empty where `root` holds the class folders itself."""
    found: dict[str, Folder[T]] = {}
    for split in ALIASES:
        matches = [child for child in children if split_called(child.name) == split]
        if len(matches) > 1:
            names = listed([match.name for match in matches])
            raise DataError(f"'{root}' has {names}, which all mean {split}; keep one")
        if matches:
            found[split] = matches[0]
    if "train" in found and found["train"].folders():
        return found
    if children and len(found) == len(children):
        names = listed([child.name for child in children])
        train = found.get("train", f"{root}/train")
        raise DataError(f"'{root}' has {names}, but no class folders to train on; {_arrange(train)}")
    return {}


@dataclass(frozen=True)
class _Classes(Generic[T]):
    """The class folders of one split: their names with their pictures."""

    folder: Folder[T]
    pictures: dict[str, list[T]]
    counts: dict[str, int]
    flat: int  # pictures that lie beside the class folders

    @classmethod
    def of(cls, folder: Folder[T], size: Callable[[T], int]) -> _Classes[T]:
        pictures: dict[str, list[T]] = {}
        for child in folder.folders():
            if child.name in pictures:
                raise DataError(f"'{folder}' has two folders that read '{child.name}'; rename or merge them")
            pictures[child.name] = list(child.pictures())
        counts = {name: sum(map(size, own)) for name, own in pictures.items()}
        return cls(folder, pictures, counts, folder.count_flat())

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.pictures))

    def check(self) -> None:
        """Raise DataError unless there are two classes with pictures each, and none without."""
        if not any(self.pictures.values()):
            what = "pictures, but no class folders" if self.flat else f"no pictures ({_KINDS})"
            raise DataError(f"'{self.folder}' holds {what}; {_arrange(self.folder)}")
        empty = [name for name in self.names if not self.pictures[name]]
        if empty:
            raise DataError(
                f"'{self.folder}' has class folders without pictures: {listed(empty)}; "
                f"remove them or add pictures ({_KINDS})"
            )
        if len(self.names) < 2:
            raise DataError(f"'{self.folder}' has one class, '{self.names[0]}'; at least two are needed")

    def check_known(self, known: tuple[str, ...]) -> None:
        """Raise DataError for pictures of a class that train lacks."""
        extra = [name for name in self.names if self.pictures[name] and name not in known]
        if extra:
            raise DataError(
                f"'{self.folder}' has {listed(extra)}, which the train folder lacks; "
                "add pictures there or remove it here"
            )

    def as_set(self, names: tuple[str, ...], make: Callable[[list[T], np.ndarray], ImageSet]) -> ImageSet:
        pictures = [piece for name in names for piece in self.pictures.get(name, [])]
        counts = [self.counts.get(name, 0) for name in names]
        return make(pictures, np.repeat(np.arange(len(names)), counts))

    def notes(self, names: tuple[str, ...], *, is_train: bool) -> list[str]:
        counts = {name: self.counts.get(name, 0) for name in names}
        single = [name for name, count in counts.items() if count == 1]
        absent = [name for name, count in counts.items() if count == 0]
        notes = []
        if self.flat:
            notes.append(f"pictures beside the class folders of '{self.folder}' are ignored: {self.flat}")
        if single and is_train:
            notes.append(f"'{self.folder}' has a single picture of {listed(single)}")
        if absent:
            notes.append(f"'{self.folder}' has no pictures of {listed(absent)}")
        return notes


def _arrange(folder: object) -> str:
    return f"arrange them as {folder}/CLASS/picture.jpg, one folder for each class"
