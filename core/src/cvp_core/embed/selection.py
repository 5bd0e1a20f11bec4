"""Which pictures of a data set were taken, written so that they can be found again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..data import DataSplits, ImageSet

__all__ = ["Selection"]


@dataclass(frozen=True, slots=True)
class Selection:
    """A split of a data set. data: what `open_data` takes. split: auto, train, val, test, or all of them.

    seed, val_fraction: those of training, by which a validation split is drawn where the data has none.
    """

    data: str
    split: str = "auto"
    val_data: str | None = None
    seed: int = 0
    val_fraction: float = 0.2

    def open(self) -> tuple[DataSplits, str, Sequence[ImageSet]]:
        """The data set, the split's name and its pictures. Raises what `open_data` and `pick_split` raise."""
        from ..data import open_data

        splits = open_data(self.data, self.val_data)
        if self.split == "all":
            return splits, "all", [part for part in (splits.train, splits.val, splits.test) if part is not None]
        from ..evaluate import pick_split

        name, images = pick_split(splits, self.split, seed=self.seed, val_fraction=self.val_fraction)
        return splits, name, [images]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Selection:
        """The inverse of `to_json`. Raises KeyError, TypeError or ValueError on other data."""
        val_data = document["val_data"]
        return cls(
            data=str(document["data"]),
            split=str(document["split"]),
            val_data=None if val_data is None else str(val_data),
            seed=int(document["seed"]),
            val_fraction=float(document["val_fraction"]),
        )
