"""A folder of class folders, with or without train/val/test, as a data set."""

from __future__ import annotations

import difflib
import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import DataError
from .sources import DataSplits, FileSet
from .walk import count_flat, folders_in, pictures_below

__all__ = ["near_folders", "open_folder"]

ALIASES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}

_KINDS = ".jpg, .png, .webp, ..."


def open_folder(path: str | os.PathLike[str]) -> DataSplits:
    """The pictures below `path`/CLASS/, or `path`/train/CLASS/ with val and test beside train.

    Aliases of the split folders: training; valid, validation; testing, in any case. Files count at any depth
    below a class folder, by their suffix; hidden ones do not. Classes are sorted by name. No file is opened.
    Raises DataError, in one line, for a folder that cannot be trained on.
    """
    root = Path(os.path.expanduser(path))
    _check_folder(root)
    splits = _split_folders(root)
    train = _Scan.of(splits["train"] if splits else root, root)
    train.check_classes()
    notes = train.notes(train.classes, is_train=True)
    held_out: dict[str, FileSet | None] = {"val": None, "test": None}
    for split in [name for name in held_out if name in splits]:
        scan = _Scan.of(splits[split], root)
        if any(scan.pictures.values()):
            scan.check_known(train.classes)
            held_out[split] = scan.as_set(train.classes)
            notes += scan.notes(train.classes, is_train=False)
        else:
            notes.append(f"{splits[split].name}/ has no class folders with pictures and is ignored")
    others = [child.name for child in folders_in(root) if splits and child not in splits.values()]
    if others:
        notes.append(f"folders beside {splits['train'].name}/ are ignored: {_listed(others)}")
    return DataSplits(
        name=root.resolve().name,
        classes=train.classes,
        train=train.as_set(train.classes),
        val=held_out["val"],
        test=held_out["test"],
        location=str(root),
        notes=tuple(notes),
    )


def near_folders(root: Path) -> list[str]:
    """Folders beside a missing one whose names are similar, as they would be typed."""
    try:
        names = {child.name.casefold(): child for child in root.parent.iterdir() if child.is_dir()}
    except OSError:
        return []
    return [str(names[near]) for near in difflib.get_close_matches(root.name.casefold(), names, n=3)]


def _check_folder(root: Path) -> None:
    if os.path.isdir(root):  # unlike Path.is_dir, this never raises
        return
    if os.path.exists(root):
        raise DataError(f"'{root}' is a file; a folder of class folders is needed: FOLDER/CLASS/picture.jpg")
    from ..registry import datasets

    near = near_folders(root) + difflib.get_close_matches(root.name.lower(), list(datasets().claims), n=2)
    hint = f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
    raise DataError(f"no folder '{root}'.{hint} Give a folder of class folders or a name from `cvp data list`.")


def _split_folders(root: Path) -> dict[str, Path]:
    """The folders of train, val and test; empty where `root` holds the class folders itself."""
    found: dict[str, Path] = {}
    children = folders_in(root)
    for split, aliases in ALIASES.items():
        matches = [child for child in children if child.name.casefold() in aliases]
        if len(matches) > 1:
            names = _listed([match.name for match in matches])
            raise DataError(f"'{root}' has {names}, which all mean {split}; keep one")
        if matches:
            found[split] = matches[0]
    if "train" in found and folders_in(found["train"]):
        return found
    if children and len(found) == len(children):
        names = _listed([child.name for child in children])
        train = found.get("train", root / "train")
        raise DataError(f"'{root}' has {names}, but no class folders to train on; {_arrange(train)}")
    return {}


@dataclass(frozen=True)
class _Scan:
    """The class folders of one split: their names with the paths of their pictures."""

    folder: Path
    pictures: dict[str, list[str]]
    flat: int  # pictures that lie beside the class folders

    @classmethod
    def of(cls, folder: Path, root: Path) -> _Scan:
        pictures: dict[str, list[str]] = {}
        for child in folders_in(folder):
            # Fit to print and to store; macOS spells 'é' in its own way, NFC makes it one.
            name = unicodedata.normalize("NFC", os.fsencode(child.name).decode("utf-8", "replace"))
            if name in pictures:
                raise DataError(f"'{folder}' has two folders that read '{name}'; rename or merge them")
            pictures[name] = list(pictures_below(child, root))
        return cls(folder, pictures, count_flat(folder))

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(sorted(self.pictures))

    def check_classes(self) -> None:
        """Raise DataError unless there are two classes with pictures each, and none without."""
        if not any(self.pictures.values()):
            what = "pictures, but no class folders" if self.flat else f"no pictures ({_KINDS})"
            raise DataError(f"'{self.folder}' holds {what}; {_arrange(self.folder)}")
        empty = [name for name in self.classes if not self.pictures[name]]
        if empty:
            raise DataError(
                f"'{self.folder}' has class folders without pictures: {_listed(empty)}; "
                f"remove them or add pictures ({_KINDS})"
            )
        if len(self.classes) < 2:
            raise DataError(f"'{self.folder}' has one class, '{self.classes[0]}'; at least two are needed")

    def check_known(self, known: tuple[str, ...]) -> None:
        """Raise DataError for pictures of a class that train lacks."""
        extra = [name for name in self.classes if self.pictures[name] and name not in known]
        if extra:
            raise DataError(
                f"'{self.folder}' has {_listed(extra)}, which the train folder lacks; "
                "add pictures there or remove it here"
            )

    def as_set(self, classes: tuple[str, ...]) -> FileSet:
        paths = [path for name in classes for path in self.pictures.get(name, [])]
        counts = [len(self.pictures.get(name, [])) for name in classes]
        return FileSet(paths, np.repeat(np.arange(len(classes)), counts))

    def notes(self, classes: tuple[str, ...], *, is_train: bool) -> list[str]:
        counts = {name: len(self.pictures.get(name, [])) for name in classes}
        single = [name for name, count in counts.items() if count == 1]
        absent = [name for name, count in counts.items() if count == 0]
        notes = []
        if self.flat:
            notes.append(f"pictures beside the class folders of '{self.folder}' are ignored: {self.flat}")
        if single and is_train:
            notes.append(f"'{self.folder}' has a single picture of {_listed(single)}")
        if absent:
            notes.append(f"'{self.folder}' has no pictures of {_listed(absent)}")
        return notes


def _arrange(path: Path) -> str:
    return f"arrange them as {path}/CLASS/picture.jpg, one folder for each class"


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
