"""A data set of the Hugging Face hub by its name: .parquet files, archives or class folders, downloaded once."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import ConfigError, DataError
from .archive import TAR_SUFFIXES, open_archive
from .class_folders import listed
from .entries import classes_of, indices, notes_on
from .hub_layout import class_names, files_by_split, is_archive, is_parquet
from .hub_repository import Repository, repository_at
from .shards import open_tar
from .sources import DataSplits, FileSet, ImageSet
from .tables import open_tables

__all__ = ["open_from_hub"]


def open_from_hub(address: str, image: str | None = None, label: str | None = None) -> DataSplits:
    """hf://OWNER/NAME[@REVISION][/CONFIG]: the pictures of its splits, kept at the commit of the first time.

    image, label: columns of its tables, guessed if None. Numbers have the names that the files or the README give them.
    Raises DataError for a repository that cannot be used, and what `repository_at`, `fetch` and `open_tables` raise.
    """
    repository = repository_at(address)
    files, others = files_by_split(repository)
    first = files["train"][0]
    if (image or label) and not is_parquet(first):
        raise ConfigError(f"--image-column and --label-column are for tables; {repository} has none")
    fetched = {split: [repository.fetched(path) for path in paths] for split, paths in files.items()}
    if is_parquet(first):
        roles = {file: split for split, own in fetched.items() for file in own}
        splits = open_tables(roles, image, label, names=class_names(repository))
    elif is_archive(first):
        splits = _of_archives(repository, fetched)
    else:
        splits = _of_pictures(repository, fetched)
    notes = [f"downloaded once, and kept in {repository.folder / repository.commit}"]
    if others:
        notes.append(f"other splits than train, val and test are ignored: {listed(others)}")
    name = repository.name.rpartition("/")[2]
    return replace(splits, name=name, location=str(repository), notes=(*notes, *splits.notes))


def _of_archives(repository: Repository, files: Mapping[str, Sequence[Path]]) -> DataSplits:
    """An archive a split, or one with all splits in it."""
    if several := next((own for own in files.values() if len(own) > 1), None):
        raise DataError(
            f"{repository} has {len(several)} archives of one split: {listed([file.name for file in several])}; unpack "
            f"them into one folder and give that. They are in {several[0].parent}"
        )
    opened = {
        split: (open_tar if own[0].name.lower().endswith(TAR_SUFFIXES) else open_archive)(own[0])
        for split, own in files.items()
    }
    train = opened["train"]
    held_out: dict[str, ImageSet | None] = {"val": train.val, "test": train.test}
    for split in held_out:
        if split in opened:
            held_out[split] = _relabelled(opened[split], train.classes, repository)
    return replace(train, val=held_out["val"], test=held_out["test"])


def _relabelled(splits: DataSplits, classes: Sequence[str], repository: Repository) -> ImageSet:
    """All pictures of an archive under the numbers that the training pictures' classes have."""
    if foreign := sorted(set(splits.classes) - set(classes)):
        raise DataError(f"{repository}: {splits.location} has {listed(foreign)}, which the training pictures lack")
    numbers = indices(splits.classes, classes)
    images = splits.train.subset(np.arange(len(splits.train)))
    assert isinstance(images, FileSet)
    images.labels = numbers[images.labels]
    return images


def _of_pictures(repository: Repository, files: Mapping[str, Sequence[Path]]) -> DataSplits:
    """Loose files, each of the class that its folder is called."""
    flat = [file for own in files.values() for file in own if file.parent == repository.folder / repository.commit]
    if flat:
        raise DataError(
            f"{repository} has pictures in no folder of a class, such as {flat[0].name}, and no table of them"
        )
    labels = {split: [file.parent.name for file in own] for split, own in files.items()}
    classes = classes_of(labels["train"], (), repository)
    sets: dict[str, FileSet | None] = {"train": None, "val": None, "test": None}
    for split, own in files.items():
        if foreign := sorted(set(labels[split]) - set(classes)):
            raise DataError(f"{repository}: {split} has {listed(foreign)}, which the training pictures lack")
        sets[split] = FileSet([os.fspath(file) for file in own], indices(labels[split], classes))
    images = sets["train"]
    assert images is not None
    notes = notes_on(repository, images, classes)
    return DataSplits("", classes, images, sets["val"], sets["test"], str(repository), notes=notes)
