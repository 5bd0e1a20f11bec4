"""A data set examined: every picture read once, and what follows from that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..sources import DataSplits
from .collection import SPLITS, Collection
from .copies import alike_groups, same_groups
from .findings import KINDS, Case, Finding, Report
from .reading import Trait
from .scan import OnProgress, Readings, recall, scan
from .strays import plain_folder, stray_files

__all__ = ["Examination", "examine", "known_findings"]

_UNBALANCED = 10  # times as many training pictures in the largest class as in the smallest

_BY_TRAIT = {
    "unreadable": Trait.UNREADABLE,
    "truncated": Trait.TRUNCATED,
    "tiny": Trait.TINY,
    "huge": Trait.HUGE,
    "wrong-suffix": Trait.WRONG_SUFFIX,
    "rotated": Trait.TURNED,
    "odd-mode": Trait.CMYK | Trait.CLEAR_PALETTE | Trait.DEEP | Trait.ANIMATED,
}
_MODES = {
    Trait.CMYK: "CMYK",
    Trait.CLEAR_PALETTE: "palette with transparency",
    Trait.DEEP: "more than 8 bits",
    Trait.ANIMATED: "several frames",
}


@dataclass(frozen=True)
class Examination:
    """The pictures of a data set and what was read of them."""

    pictures: Collection
    readings: Readings

    @cached_property
    def same(self) -> list[np.ndarray]:
        """Groups of pictures of the same content."""
        return same_groups(self.readings)

    @cached_property
    def alike(self) -> list[np.ndarray]:
        """Groups of pictures that look alike."""
        return alike_groups(self.readings)

    def report(self, *, has_near: bool = True) -> Report:
        """What was found. has_near: look-alikes too, which takes longest: 20 s for a million pictures."""
        found = [*self._by_trait(), *self._copies(), *self._classes(), *self._strays()]
        if has_near:
            found += self._look_alikes()
        order = list(KINDS)
        shown = sorted((finding for finding in found if finding.count), key=lambda each: order.index(each.kind))
        splits = self.pictures.splits
        return Report(splits.name, splits.location, len(self.pictures), self.readings.fresh, tuple(shown))

    def _by_trait(self) -> Iterator[Finding]:
        for kind, traits in _BY_TRAIT.items():
            indices = self.readings.having(traits)
            cases = (Case((self.pictures.name(index),), self._note(kind, index)) for index in indices.tolist())
            yield Finding.of(kind, len(indices), cases)

    def _note(self, kind: str, index: int) -> str:
        row = self.readings.rows[index]
        if kind in ("unreadable", "truncated"):
            return self.readings.reasons[index]
        if kind in ("tiny", "huge"):
            return f"{row['width']}x{row['height']} pixels"
        if kind == "wrong-suffix":
            return f"is {row['format'].decode()}"
        if kind == "odd-mode":
            return ", ".join(name for trait, name in _MODES.items() if int(row["traits"]) & trait)
        return ""

    def _copies(self) -> Iterator[Finding]:
        """Identical pictures: each group counts as the worst that it is, or as both of the errors."""
        labels, split = self.pictures.labels, self.pictures.split
        leaking = [group for group in self.same if np.ptp(split[group])]
        conflicting = [group for group in self.same if np.ptp(labels[group])]
        merely = [group for group in self.same if not np.ptp(split[group]) and not np.ptp(labels[group])]
        yield self._of_groups("leakage", leaking)
        yield self._of_groups("label-conflict", conflicting)
        yield Finding.of("duplicate", sum(len(group) - 1 for group in merely), map(self._case, merely))

    def _look_alikes(self) -> Iterator[Finding]:
        split = self.pictures.split
        yield self._of_groups("near-leakage", [group for group in self.alike if np.ptp(split[group])])
        yield self._of_groups("near-duplicate", [group for group in self.alike if not np.ptp(split[group])])

    def _of_groups(self, kind: str, groups: list[np.ndarray]) -> Finding:
        return Finding.of(kind, sum(map(len, groups)), map(self._case, groups))

    def _case(self, group: np.ndarray) -> Case:
        indices = group.tolist()
        places = dict.fromkeys(f"{SPLITS[self.pictures.split[i]]} {self.pictures.label(i)}" for i in indices)
        return Case(tuple(map(self.pictures.name, indices)), " = ".join(places))

    def _classes(self) -> Iterator[Finding]:
        classes = self.pictures.classes
        counts = self.pictures.counts()
        train = counts["train"]
        present = train[train > 0]
        if len(present) and present.max() >= _UNBALANCED * present.min():
            small, large = int(np.where(train > 0, train, train.max()).argmin()), int(train.argmax())
            note = f"{train[large]:,} and {train[small]:,} training pictures, {train[large] / train[small]:.0f} to 1"
            rare = int((present * _UNBALANCED <= present.max()).sum())
            yield Finding.of("imbalance", rare, [Case((classes[large], classes[small]), note)])
        empty = [(split, int(label)) for split, each in counts.items() for label in np.flatnonzero(each == 0)]
        yield Finding.of("empty-class", len(empty), (Case((classes[label],), f"in {split}") for split, label in empty))

    def _strays(self) -> Iterator[Finding]:
        folder = plain_folder(self.pictures.splits)
        if folder is not None:
            strays = list(stray_files(folder))
            yield Finding.of("ignored-file", len(strays), (Case((path,), reason) for path, reason in strays))


def examine(splits: DataSplits, workers: int | None = None, on_progress: OnProgress | None = None) -> Examination:
    """Reads all pictures of all splits, as `scan` does."""
    pictures = Collection(splits)
    return Examination(pictures, scan(pictures, workers, on_progress))


def known_findings(splits: DataSplits) -> Report | None:
    """What an earlier check knows of these very splits; None unless every picture was read and none has changed.

    No picture is opened, and look-alikes are not searched for.
    """
    pictures = Collection(splits)
    readings = recall(pictures)
    return None if readings is None else Examination(pictures, readings).report(has_near=False)
