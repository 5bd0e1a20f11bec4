"""Which pictures an epoch shows, in which batches: fixed by (seed, epoch), shared evenly among processes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..errors import ConfigError, DataError
from .presets import SAMPLINGS

__all__ = ["SAMPLINGS", "Order"]


class Order:
    """Batches of draws: pictures in order for evaluation, by chance for training, where a last part batch is left out.

    A draw is `index + repeat * len(labels)`: a picture, and how often the epoch has shown it before, so that the
    repeats of one picture vary differently.
    batch_size: of all processes together. share: (rank, world), this process and how many there are. In training each
    takes its equal, contiguous part of every batch, in evaluation every world-th picture from its rank on.
    Raises ConfigError for another sampling, a rank outside of the world, or a training batch that the world does not
    divide, DataError for fewer training pictures than processes.
    """

    def __init__(
        self,
        labels: np.ndarray,
        batch_size: int,
        *,
        is_training: bool = False,
        sampling: str = "shuffle",
        seed: int = 0,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        rank, world = share
        if sampling not in SAMPLINGS:
            raise ConfigError(f"sampling '{sampling}' is not one of {', '.join(SAMPLINGS)}")
        if not 0 <= rank < world:
            raise ConfigError(f"share {share}: the rank must be at least 0 and less than the number of processes")
        if is_training and batch_size % world:
            raise ConfigError(
                f"batch_size {batch_size} cannot be shared evenly by {world} processes; "
                f"give a multiple of {world}, such as {max(1, batch_size // world) * world}"
            )
        if is_training and 0 < len(labels) < world:
            raise DataError(f"{len(labels)} training pictures cannot be shared by {world} processes; start fewer")
        self.labels, self.is_training, self.sampling, self.seed = labels, is_training, sampling, seed
        self.rank, self.world = rank, world
        # What all processes draw at once; of few training pictures a smaller batch that can still be shared.
        self.batch_size = min(batch_size, len(labels) // world * world) if is_training else max(world, batch_size)

    @property
    def samples(self) -> int:
        """Pictures of an epoch: of all processes together in training, of this one in evaluation."""
        return len(self.labels) if self.is_training else len(range(self.rank, len(self.labels), self.world))

    def __len__(self) -> int:
        if self.is_training:
            return len(self.labels) // max(1, self.batch_size)
        return -(-self.samples // (self.batch_size // self.world))

    def batches(self, epoch: int, start: int = 0) -> Iterator[np.ndarray]:
        """int64 draws of this process for each batch of an epoch, from batch `start` on."""
        own = self.batch_size // self.world
        stride, first = (self.batch_size, self.rank * own) if self.is_training else (own, 0)
        drawn = self._drawn(epoch)
        for step in range(start, len(self)):
            begin = step * stride + first
            yield drawn[begin : begin + own]

    def _drawn(self, epoch: int) -> np.ndarray:
        if not self.is_training:
            return np.arange(self.rank, len(self.labels), self.world)
        generator = np.random.default_rng((self.seed, epoch))
        if self.sampling == "balanced":
            return _balanced(self.labels, generator)
        return generator.permutation(len(self.labels))


def _balanced(labels: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """len(labels) draws; classes differ by one draw at most, and so do the pictures within a class."""
    counts = np.unique(labels, return_counts=True)[1]
    quotas = np.full(len(counts), len(labels) // len(counts))
    quotas[generator.permutation(len(counts))[: len(labels) % len(counts)]] += 1
    by_class = np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1])
    draws = []
    for members, quota in zip(by_class, quotas, strict=True):
        rounds = -(-int(quota) // len(members))
        turns = [generator.permutation(members) + repeat * len(labels) for repeat in range(rounds)]
        draws.extend(turns[:-1])
        draws.append(turns[-1][: quota - (rounds - 1) * len(members)])
    return generator.permutation(np.concatenate(draws))
