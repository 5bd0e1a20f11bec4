"""Which files a data set is better without.

What cannot be read goes. Of the same picture in several splits the copies in test stay, else those in val, and all
others go: what is scored stays as it was. Of the copies within a class of one split the first stays, save in test,
which keeps all of its own. The same picture in two classes of one split is left for a person to decide.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from .collection import SPLITS
from .examine import Examination
from .reading import Trait

__all__ = ["Surplus", "surplus"]


@dataclass(frozen=True)
class Surplus:
    """A picture that had better go, and why."""

    path: str
    reason: str


def surplus(examined: Examination) -> list[Surplus]:
    """By path. Of a data set whose pictures are files of their own."""
    pictures, readings = examined.pictures, examined.readings
    found = {
        _path(examined, index): readings.reasons[index]
        for index in readings.having(Trait.UNREADABLE | Trait.TRUNCATED).tolist()
    }
    for group in examined.same:
        kept = _kept(group, pictures.split[group], pictures.labels[group])
        held = [_path(examined, index) for index in kept]
        for index in sorted(set(group.tolist()) - set(kept)):
            path = _path(examined, index)
            if not any(_hangs_on(other, path) for other in held):
                found[path] = f"the same picture as {_nearest(examined, index, kept)}"
    return [Surplus(path, found[path]) for path in sorted(found)]


def _kept(group: np.ndarray, split: np.ndarray, labels: np.ndarray) -> list[int]:
    best = split.max()  # train, val, test in this order
    members = group[split == best]
    if SPLITS[best] == "test":
        return members.tolist()
    firsts = np.unique(labels[split == best], return_index=True)[1]
    return members[np.sort(firsts)].tolist()


def _path(examined: Examination, index: int) -> str:
    images, own = examined.pictures.place(index)
    return images.path(own)  # type: ignore[attr-defined]  # a FileSet


def _hangs_on(kept: str, moved: str) -> bool:
    """Whether the kept path would lead nowhere without the moved one: a link to it, or the same file by another way."""
    if os.path.realpath(kept) != os.path.realpath(moved):
        return False
    is_kept_file = os.path.realpath(kept) == os.path.abspath(kept)
    return not (is_kept_file and os.path.islink(moved))


def _nearest(examined: Examination, index: int, kept: list[int]) -> str:
    """The copy that stays, of the same class if there is one."""
    labels = examined.pictures.labels
    same = [each for each in kept if labels[each] == labels[index]]
    return examined.pictures.name((same or kept)[0])
