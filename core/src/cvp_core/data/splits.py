"""Train and validation out of one set of labels: seeded, stratified, the same on every machine."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ..errors import ConfigError, DataError
from .sources import DataSplits

__all__ = ["stratified", "with_validation"]


def stratified(labels: np.ndarray | list[int], fraction: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(train indices, validation indices), int64, each ascending, together every index once.

    Each class gives `fraction` of its samples to validation, rounded so that the total is right within
    one per class; a class of two or more keeps one on each side, a class of one stays in train.
    Raises ConfigError unless 0 < fraction < 1 and seed >= 0.
    """
    if not 0 < fraction < 1:
        raise ConfigError(f"validation fraction {fraction}; allowed is more than 0 and less than 1, such as 0.2")
    if seed < 0:
        raise ConfigError(f"seed {seed}; allowed are 0 and above")
    values = np.asarray(labels, dtype=np.int64)
    _, classes, counts = np.unique(values, return_inverse=True, return_counts=True)
    # The raw PCG64 stream is fixed by NumPy's compatibility policy; the methods of Generator are not.
    keys = np.random.PCG64(seed).random_raw(len(values))
    # Class by class, each in random order: lexsort((keys, classes)) in a third of its time.
    drawn = np.argsort(keys, kind="stable")
    shuffled = drawn[np.argsort(classes[drawn].astype(np.min_scalar_type(len(counts))), kind="stable")]
    rank = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    chosen = rank < np.repeat(_shares(counts, fraction), counts)
    return np.sort(shuffled[~chosen]), np.sort(shuffled[chosen])


def with_validation(splits: DataSplits, fraction: float, seed: int = 0) -> DataSplits:
    """The same splits, with a validation set taken out of train if there was none.

    Raises ConfigError as `stratified` does, and DataError where no class has two pictures.
    """
    if splits.val is not None:
        return splits
    train, val = stratified(splits.train.labels, fraction, seed)
    if len(val) == 0:
        raise DataError(
            f"{splits.location}: no class has two pictures, so none can be set aside for validation; add some"
        )
    return replace(splits, train=splits.train.subset(train), val=splits.train.subset(val))


def _shares(counts: np.ndarray, fraction: float) -> np.ndarray:
    """How many of each class go to validation: largest remainders, then at least one on each side."""
    quotas = counts * fraction
    shares = np.floor(quotas).astype(np.int64)
    missing = round(float(quotas.sum())) - int(shares.sum())
    shares[np.argsort(shares - quotas, kind="stable")[:missing]] += 1
    return np.where(counts > 1, np.clip(shares, 1, np.maximum(counts - 1, 1)), 0)
