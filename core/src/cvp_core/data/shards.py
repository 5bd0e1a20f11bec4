"""WebDataset shards as a data set: tar archives in which files of one name are a sample, NAME.jpg and NAME.cls.

The tars are indexed like any other, so every picture can be read by place: order, length of an epoch and resuming are
those of a folder. Shards that a URL names are fetched into the user's cache first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import DataError
from .archive import existing, folders_of, tar_members
from .class_folders import listed, split_called
from .entries import classes_of, indices, notes_on
from .packed import PackedSet
from .remote import fetched
from .samples import Shard, read_shard
from .shard_info import ShardInfo, read_info
from .shard_names import expand, is_url
from .sources import DataSplits
from .walk import folders_in

__all__ = ["holds_shards", "open_shards", "open_tar"]


def holds_shards(folder: str | os.PathLike[str]) -> bool:
    """Whether it has .tar files and no folders that could be classes."""
    try:
        has_tar = any(name.lower().endswith(".tar") for name in os.listdir(folder))
    except OSError:
        return False
    return has_tar and not folders_in(Path(folder))


def open_tar(path: str | os.PathLike[str]) -> DataSplits:
    """A single tar, compressed or not: a shard if it holds labels beside pictures, else an archive of class folders."""
    file = existing(path)
    members = tar_members(file)
    shard = read_shard(members)
    if not shard.is_meant:
        return folders_of(members, str(file))
    splits = _assembled([file], [shard], read_info(file.parent))
    return replace(splits, name=file.name.partition(".")[0])


def open_shards(shards: str | os.PathLike[str]) -> DataSplits:
    """The samples of a folder's .tar files, of a pattern's (`train-{000000..000012}.tar`, `*.tar`), or of URLs'.

    A shard is of the split that its name says, train-000.tar or val-000.tar, and of train if it says none. Labels are
    those of NAME.cls, or the `label` (else `class`, `cls`, `target`) of NAME.json: names, or numbers of the classes
    that `dataset-info.json` or `classes.txt` beside the shards name, if there is one.
    Raises DataError for missing or damaged shards and for a sample without label, by its name; MachineError for a URL
    that cannot be fetched.
    """
    given = os.path.expanduser(os.fspath(shards))
    is_folder = os.path.isdir(given)
    names = expand(os.path.join(given, "*.tar") if is_folder else given)
    files, notes = fetched(names) if is_url(given) else ([Path(name) for name in names], ())
    info = read_info(files[0].parent)
    if is_folder:
        info.check_complete(files)
    found = [read_shard(tar_members(file)) for file in files]
    splits = _assembled(files, found, info)
    name = info.name or re.sub(r"[^A-Za-z0-9]+$", "", Path(given).name if is_folder else files[0].resolve().parent.name)
    return replace(splits, name=name or "shards", location=given, notes=(*notes, *splits.notes))


def _assembled(files: Sequence[Path], shards: Sequence[Shard], info: ShardInfo) -> DataSplits:
    """The samples of all shards by split; a shard that names none is of train."""
    roles = _roles(files)
    for shard, file in zip(shards, files, strict=True):
        shard.check(info.counts.get(file.name))
    labels = [shard.named_labels(info.classes, info.origin) for shard in shards]
    trained = [label for role, own in zip(roles, labels, strict=True) if role == "train" for label in own]
    if not trained:
        raise DataError(f"{files[0].parent} has no samples to train on; expected NAME.jpg with NAME.cls in each shard")
    classes = classes_of(trained, info.classes, files[0].parent)
    sets: dict[str, PackedSet | None] = {}
    for split in ("train", "val", "test"):
        chosen = [number for number, role in enumerate(roles) if role == split]
        sets[split] = _as_set([shards[n] for n in chosen], [labels[n] for n in chosen], classes) if chosen else None
    images = sets["train"]
    assert images is not None
    return DataSplits(
        name=info.name,
        classes=classes,
        train=images,
        val=sets["val"],
        test=sets["test"],
        location=str(files[0]),
        synthetic=info.synthetic,
        image_size=info.image_size,
        recipe=info.recipe,
        notes=(*(note for shard in shards for note in shard.notes), *notes_on(files[0].parent, images, classes)),
    )


def _as_set(shards: Sequence[Shard], labels: Sequence[Sequence[str]], classes: Sequence[str]) -> PackedSet:
    known = set(classes)
    for shard, own in zip(shards, labels, strict=True):
        if foreign := sorted(set(own) - known):
            raise DataError(f"{shard.title} has {listed(foreign)}, which the training shards lack; add samples there")
    parts = np.concatenate([shard.parts for shard in shards])
    parts["file"] = np.repeat(np.arange(len(shards)), [len(shard.parts) for shard in shards])
    flat = [label for own in labels for label in own]
    names = [name for shard in shards for name in shard.names]
    return PackedSet([shard.container for shard in shards], names, parts, indices(flat, classes))


def _roles(files: Sequence[Path]) -> list[str]:
    """The split of each shard by its name, else, where no name says one, by its folder's."""
    found = [_named_in(file.name.partition(".")[0]) for file in files]
    if not any(found):
        found = [_named_in(file.resolve().parent.name) for file in files]
    # Shards of validation alone are given to be used.
    return [split or "train" for split in found] if {"train", None} & set(found) else ["train"] * len(files)


def _named_in(name: str) -> str | None:
    return next((split for split in map(split_called, re.split(r"[^A-Za-z]+", name)) if split), None)
