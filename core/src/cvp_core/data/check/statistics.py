"""What a data set's pictures are like: how many a class, how large, in which formats, how bright."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import DataError
from ...machine import available_cpus
from ..sources import DataSplits
from .collection import Collection
from .reading import Trait
from .scan import OnProgress, scan

__all__ = ["MOST_DECODED", "Brightness", "Spread", "Statistics", "brightness", "statistics"]

MOST_DECODED = 10_000  # pictures whose pixels are counted; of more, so many are drawn


@dataclass(frozen=True)
class Spread:
    """The least, the median and the greatest of a quantity."""

    least: float
    median: float
    most: float

    @classmethod
    def of(cls, values: np.ndarray) -> Spread:
        return cls(float(values.min()), float(np.median(values)), float(values.max()))


@dataclass(frozen=True)
class Brightness:
    """Mean and standard deviation by channel over all pixels of `pictures` pictures, in units of 0..1."""

    mean: tuple[float, ...]
    std: tuple[float, ...]
    pictures: int
    is_sample: bool


@dataclass(frozen=True)
class Statistics:
    """counts: (classes,) by split. sizes: (N, 2) width and height of each readable picture, upright, in pixels.

    bytes: of a file, None where there are no files. formats: files by Pillow's name, the most frequent first.
    """

    name: str
    location: str
    classes: tuple[str, ...]
    counts: dict[str, np.ndarray]
    sizes: np.ndarray
    bytes: Spread | None
    formats: dict[str, int]
    unreadable: int
    brightness: Brightness

    @property
    def width(self) -> Spread:
        return Spread.of(self.sizes[:, 0])

    @property
    def height(self) -> Spread:
        return Spread.of(self.sizes[:, 1])

    def to_json(self) -> dict[str, Any]:
        """For json.dumps."""
        spreads = {"width": self.width, "height": self.height, "bytes": self.bytes}
        return {
            "name": self.name,
            "location": self.location,
            "classes": list(self.classes),
            "counts": {split: counts.tolist() for split, counts in self.counts.items()},
            **{key: None if spread is None else vars(spread) for key, spread in spreads.items()},
            "formats": self.formats,
            "unreadable": self.unreadable,
            **vars(self.brightness),
        }


def statistics(
    splits: DataSplits,
    *,
    seed: int = 0,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
) -> Statistics:
    """Of all splits together. Sizes are of every picture, brightness of at most MOST_DECODED, drawn by `seed`.

    Raises DataError where no picture can be read.
    """
    pictures = Collection(splits)
    readings = scan(pictures, workers, on_progress)
    readable = np.flatnonzero((readings.rows["traits"] & int(Trait.UNREADABLE | Trait.TRUNCATED)) == 0)
    if not len(readable):
        raise DataError(f"{splits.location}: none of the {len(pictures)} pictures can be read; see `cvp data verify`")
    rows = readings.rows[readable]
    on_disk = rows["bytes"][rows["bytes"] > 0]
    kinds, numbers = np.unique(rows["format"][rows["format"] != b""], return_counts=True)
    order = np.argsort(-numbers, kind="stable")
    return Statistics(
        name=splits.name,
        location=splits.location,
        classes=splits.classes,
        counts=pictures.counts(),
        sizes=np.stack((rows["width"], rows["height"]), axis=1).astype(np.int64),
        bytes=Spread.of(on_disk) if len(on_disk) else None,
        formats={kinds[each].decode(): int(numbers[each]) for each in order},
        unreadable=len(pictures) - len(readable),
        brightness=brightness(pictures, readable, seed=seed, workers=workers, on_progress=on_progress),
    )


def brightness(
    pictures: Collection,
    indices: Sequence[int] | np.ndarray,
    *,
    seed: int = 0,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
) -> Brightness:
    """Exact: computed in integers. Every pixel weighs the same, so large pictures weigh more.

    Of grey data sets it is one channel, of all others three. What cannot be read after all is left out.
    """
    channels = pictures.splits.image_size[0] if pictures.splits.image_size else 3
    chosen = np.asarray(indices)
    is_sample = len(chosen) > MOST_DECODED
    if is_sample:
        chosen = np.sort(np.random.default_rng(seed).choice(chosen, MOST_DECODED, replace=False))

    def histogram(index: int) -> np.ndarray | None:
        images, own = pictures.place(index)
        try:
            return np.array(images.read(own, channels).histogram(), np.int64)
        except DataError:
            return None

    totals = np.zeros(256 * channels, np.int64)
    counted = 0
    with ThreadPoolExecutor(workers or available_cpus()) as pool:
        try:
            for done, counts in enumerate(pool.map(histogram, chosen.tolist()), start=1):
                if counts is not None:
                    totals, counted = totals + counts, counted + 1
                if on_progress is not None:
                    on_progress(done, len(chosen))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    values = list(range(256))
    means, deviations = [], []
    for numbers in totals.reshape(channels, 256).tolist():
        # Python's integers: of 10,000 large photographs the squares do not fit into 64 bits.
        pixels = sum(numbers)
        total = sum(count * value for count, value in zip(numbers, values, strict=True))
        squares = sum(count * value * value for count, value in zip(numbers, values, strict=True))
        means.append(total / max(1, pixels) / 255)
        deviations.append((pixels * squares - total * total) ** 0.5 / max(1, pixels) / 255)
    return Brightness(tuple(means), tuple(deviations), counted, is_sample)
