"""A data set of Hugging Face as `save_to_disk` left it: Arrow files, whose pictures are read where they lie."""

from __future__ import annotations

import json
import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DataError, NotInstalledError
from .class_folders import split_called
from .entries import classes_of, notes_on
from .packed import PART, PLAIN, Container, PackedSet
from .sources import DataSplits

__all__ = ["holds_saved", "open_saved"]

_DICT, _INFO, _STATE = "dataset_dict.json", "dataset_info.json", "state.json"


def holds_saved(folder: str | os.PathLike[str]) -> bool:
    """Whether `save_to_disk` of a Dataset or a DatasetDict wrote it."""
    return os.path.isfile(Path(folder, _DICT)) or all(os.path.isfile(Path(folder, name)) for name in (_INFO, _STATE))


def open_saved(folder: str | os.PathLike[str]) -> DataSplits:
    """The pictures and labels of a saved data set: its columns of the kinds Image and ClassLabel.

    The splits of a DatasetDict go by their names; a split without labels (-1) is left out and told. Nothing is copied:
    Arrow files hold the pictures' bytes as they are. Needs pyarrow. Raises DataError for one without such columns, or
    with pictures that are not in its files.
    """
    root = Path(os.path.expanduser(folder))
    splits = {"train": root}
    if os.path.isfile(root / _DICT):
        named = {split_called(name): root / name for name in _document(root / _DICT).get("splits", [])}
        splits = {split: named[split] for split in ("train", "val", "test") if split in named}
    if "train" not in splits:
        raise DataError(f"{root} has no split called train; it has {', '.join(sorted(map(str, splits))) or 'none'}")
    sets: dict[str, PackedSet] = {}
    notes = []
    classes: tuple[str, ...] = ()
    for split, place in splits.items():
        image, label, names = _columns(place)
        classes = classes or classes_of(names, names, place)
        if names != classes:
            raise DataError(f"{place} names other classes than the training pictures; save both with the same features")
        images = _pictures(place, image, label)
        if len(images) and int(images.labels.min()) < 0:
            notes.append(f"{place.name} has pictures without label (-1) and is left out")
        else:
            sets[split] = images
    if "train" not in sets:
        raise DataError(f"{splits['train']} has pictures without label (-1); leave them out to train")
    return DataSplits(
        name=root.resolve().name,
        classes=classes,
        train=sets["train"],
        val=sets.get("val"),
        test=sets.get("test"),
        location=str(root),
        notes=(*notes, *notes_on(root, sets["train"], classes)),
    )


def _columns(place: Path) -> tuple[str, str, tuple[str, ...]]:
    """The names of the columns of pictures and of labels, and of the classes."""
    features = _document(place / _INFO).get("features")
    kinds = {name: kind for name, kind in (features or {}).items() if isinstance(kind, dict)}
    images = [name for name, kind in kinds.items() if kind.get("_type") == "Image"]
    labels = [name for name, kind in kinds.items() if kind.get("_type") == "ClassLabel"]
    if not images or not labels:
        raise DataError(
            f"{place} needs a column of Image() and one of ClassLabel(); it has {', '.join(kinds) or 'none'}"
        )
    return images[0], labels[0], tuple(map(str, kinds[labels[0]].get("names") or ()))


def _pictures(place: Path, image: str, label: str) -> PackedSet:
    try:
        arrow = import_module("pyarrow")
    except ImportError:
        raise NotInstalledError(
            f"{place} is read by pyarrow, which is not installed: pip install 'cvp-core[parquet]'"
        ) from None
    state = _document(place / _STATE)
    if state.get("_indices_data_files"):
        raise DataError(f"{place} was saved with a separate order; call flatten_indices() before save_to_disk")
    files = [place / str(entry["filename"]) for entry in state.get("_data_files") or []]
    containers = [Container.of(file) for file in files]
    names: list[str] = []
    parts: list[np.ndarray] = [np.empty(0, PART)]
    labels: list[np.ndarray] = [np.empty(0, np.int64)]
    for number, file in enumerate(files):
        try:
            content = arrow.memory_map(str(file)).read_buffer()
            for batch in arrow.ipc.open_stream(content):
                found = _parts(batch.column(image), content, number)
                if found is None:
                    raise DataError(f"{file} names pictures that it does not hold; embed them before save_to_disk")
                parts.append(found)
                labels.append(np.asarray(batch.column(label).fill_null(-1), dtype=np.int64))
                paths = batch.column(image).field("path").to_pylist()
                names += [
                    f"row {len(names) + i} {os.path.basename(path or '')}".strip() for i, path in enumerate(paths)
                ]
        except (OSError, KeyError, arrow.ArrowException) as error:
            raise DataError(f"{file} cannot be read: {' '.join(str(error).split())}") from None
    return PackedSet(containers, names, np.concatenate(parts), np.concatenate(labels))


def _parts(column: Any, content: Any, file: int) -> np.ndarray | None:
    """Where the bytes of a batch's pictures lie in the file; None where there are none, or they are packed."""
    held = column.field("bytes")
    if held.null_count or column.null_count:
        return None
    wide = "large" in str(held.type)
    _, offsets, data = held.buffers()
    ends = np.frombuffer(offsets, np.int64 if wide else np.int32)[held.offset : held.offset + len(held) + 1]
    start = data.address - content.address
    if not 0 <= start <= content.size:
        return None
    parts = np.zeros(len(held), PART)
    parts["file"], parts["method"] = file, PLAIN
    parts["start"] = start + ends[:-1].astype(np.int64)
    parts["stored"] = parts["size"] = np.diff(ends)
    return parts


def _document(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}") from None
    return document if isinstance(document, dict) else {}
