"""The pictures of all splits under one numbering: train's first, then val's, then test's."""

from __future__ import annotations

import numpy as np

from ..sources import DataSplits, ImageSet

__all__ = ["SPLITS", "Collection"]

SPLITS = ("train", "val", "test")


class Collection:
    """Pictures by number.

    labels: int64 (N,), an index into `classes` each. split: uint8 (N,), an index into SPLITS each.
    """

    def __init__(self, splits: DataSplits) -> None:
        sets = [getattr(splits, name) for name in SPLITS]
        lengths = [0 if images is None else len(images) for images in sets]
        self.splits = splits
        self.classes = splits.classes
        self.labels = np.concatenate([images.labels for images in sets if images is not None])
        self.split = np.repeat(np.arange(len(SPLITS), dtype=np.uint8), lengths)
        self._sets = sets
        self._starts = np.cumsum([0, *lengths[:-1]])

    def __len__(self) -> int:
        return len(self.labels)

    def place(self, index: int) -> tuple[ImageSet, int]:
        """The set that holds a picture, and its number there."""
        split = int(self.split[index])
        return self._sets[split], index - int(self._starts[split])

    def name(self, index: int) -> str:
        """What a person calls the picture: its path, or its number in the data set's file."""
        images, own = self.place(index)
        return images.name(own)

    def label(self, index: int) -> str:
        """The name of the picture's class."""
        return self.classes[int(self.labels[index])]

    def counts(self) -> dict[str, np.ndarray]:
        """int64 (classes,) by the name of each split that there is: how many pictures a class has."""
        return {
            name: np.bincount(images.labels, minlength=len(self.classes))
            for name, images in zip(SPLITS, self._sets, strict=True)
            if images is not None
        }
