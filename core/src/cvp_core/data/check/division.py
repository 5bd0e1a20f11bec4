"""A data set divided into list files of train, val and test, without a picture being copied."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import ConfigError, DataError, OutputError
from ...weights.atomic import make_folder, write_atomically
from ..sources import DataSplits, FileSet
from ..splits import stratified
from .collection import SPLITS
from .copies import joined

__all__ = ["divide", "divided", "write_lists"]

_VAL = 0.2  # where there is no validation set


def divided(
    splits: DataSplits,
    val: float | None = None,
    test: float | None = None,
    *,
    seed: int = 0,
    is_stratified: bool = True,
    groups: Sequence[np.ndarray] = (),
) -> DataSplits:
    """The same data with val and test taken out of train, as `divide` does; a val or test that it has stays.

    val: 0.2 if None. test: none if None. groups: of training pictures, by number.
    Raises ConfigError as `divide` does, and for a fraction of what there is already.
    """
    for name, fraction in (("val", val), ("test", test)):
        if fraction is not None and getattr(splits, name) is not None:
            raise ConfigError(f"{splits.location} has a {name} set of its own, which is kept; leave --{name} out")
    wanted = {"val": _VAL if val is None and splits.val is None else val or 0.0, "test": test or 0.0}
    labels = splits.train.labels
    parts = divide(labels, wanted["val"], wanted["test"], seed=seed, is_stratified=is_stratified, groups=groups)
    train, *taken = (splits.train.subset(part) for part in parts)
    for (name, fraction), images in zip(wanted.items(), taken, strict=True):
        if fraction and not len(images):
            raise DataError(f"{splits.location}: too few pictures for {fraction:g} of them in {name}; add some")
    new: dict[str, Any] = {name: images for name, images in zip(wanted, taken, strict=True) if wanted[name]}
    return replace(splits, train=train, **new)


def divide(
    labels: np.ndarray,
    val: float,
    test: float = 0.0,
    *,
    seed: int = 0,
    is_stratified: bool = True,
    groups: Sequence[np.ndarray] = (),
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Numbers of train, val and test, each ascending, together every number once; as `stratified` divides.

    val, test: fractions of all; 0 for none. groups: numbers that stay together; they may overlap. A group counts as
    one picture, of the class of its first, so with large groups the shares are less exact.
    Raises ConfigError for fractions outside of 0..1 or that leave nothing to train on, and for a negative seed.
    """
    if not (0 <= val < 1 and 0 <= test < 1 and 0 < val + test < 1):
        raise ConfigError(
            f"fractions val {val} and test {test}; allowed are 0 to 1, together more than 0 and less than 1"
        )
    roots = _roots(len(labels), groups)
    units = np.unique(roots)
    kinds = labels[units] if is_stratified else np.zeros(len(units), np.int64)
    parts = {"train": units, "val": units[:0], "test": units[:0]}
    left = 1.0
    for name, fraction in (("test", test), ("val", val)):
        if fraction:
            places = np.searchsorted(units, parts["train"])
            kept, taken = stratified(kinds[places], fraction / left, seed)
            parts["train"], parts[name] = parts["train"][kept], parts["train"][taken]
            left -= fraction
    train, held, tested = (np.flatnonzero(np.isin(roots, parts[name])) for name in SPLITS)
    return train, held, tested


def write_lists(splits: DataSplits, folder: Path, *, force: bool = False) -> dict[str, Path]:
    """Writes train.txt and, where there are such pictures, val.txt and test.txt: `path label` a line.

    Returns their paths by split. Raises OutputError where one is there and not `force`, DataError for pictures that
    are no files of their own, lie outside of `folder`, or have a name that a list cannot hold.
    """
    contents = {
        name: _content(images, splits.classes, folder)
        for name in SPLITS
        if (images := getattr(splits, name)) is not None and len(images)
    }
    there = [folder / f"{name}.txt" for name in SPLITS if os.path.lexists(folder / f"{name}.txt")]
    if there and not force:
        raise OutputError(f"{there[0]} is there already; --force replaces it, or name another folder with -o")
    make_folder(folder)
    for path in there:  # an interruption then leaves no lists of two kinds
        path.unlink()
    for name in reversed(contents):
        write_atomically(folder / f"{name}.txt", contents[name])
    return {name: folder / f"{name}.txt" for name in contents}


def _content(images: object, classes: Sequence[str], folder: Path) -> bytes:
    if type(images) is not FileSet:
        raise DataError("only pictures that are files of their own can be listed; unpack them into a folder first")
    base = os.path.realpath(folder)
    resolved = cache(os.path.realpath)  # a million pictures lie in a few folders
    return b"".join(
        _line(os.path.abspath(images.path(index)), classes[int(label)], base, resolved)
        for index, label in enumerate(images.labels.tolist())
    )


def _line(path: str, label: str, base: str, resolved: Callable[[str], str]) -> bytes:
    # The folder that holds a picture is resolved, the picture is not: a link stays the name that it is known by.
    place, name = os.path.split(path)
    relative = os.path.relpath(os.path.join(resolved(place), name), base)
    if relative.split(os.sep)[0] == os.pardir:
        raise DataError(
            f"'{path}' does not lie below {base}, and a list names only what lies below its folder; "
            f"write the lists to a folder above, such as -o {os.path.commonpath((path, base))}"
        )
    if relative.startswith(("#", " ", "\t")):
        relative = os.path.join(os.curdir, relative)
    try:
        line = f"{relative}\t{label}\n".encode()
    except UnicodeEncodeError:  # a path that is no Unicode
        line = b""
    has_edges = relative != relative.rstrip(" \t") or label != label.strip()
    if line.count(b"\n") != 1 or has_edges or "\t" in label or "\0" in label:
        raise DataError(f"{path!r} of class {label!r} has a name that a list cannot hold; rename it")
    return line


def _roots(count: int, groups: Sequence[np.ndarray]) -> np.ndarray:
    pairs = [np.stack((np.full(len(group) - 1, group[0]), group[1:]), axis=1) for group in groups]
    return joined(count, np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64))
