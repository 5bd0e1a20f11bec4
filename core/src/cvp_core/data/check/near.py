"""Pairs of 64-bit hashes that differ in few bits, among a million of them.

Of 64 bits in FARTHEST + 2 blocks, two hashes that differ in at most FARTHEST bits have two blocks in common. So for
each choice of two blocks the hashes are sorted by them, and only neighbours are compared (the tables of Manku et al.
2007, "Detecting near-duplicates for web crawling", sec. 3); of those that agree there, only the equally bright ones,
which spares plain pictures of one kind, with much of their hashes in common, from being compared all with all. Where
very many are left even so, each is compared with the next _MOST: time and memory stay in proportion.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise

import numpy as np

from .likeness import DIFFERENCE, FARTHEST, differing_bits, is_alike

__all__ = ["near_pairs"]

_BLOCKS = FARTHEST + 2
_MOST = 500


def near_pairs(hashes: np.ndarray, thumbs: np.ndarray) -> np.ndarray:
    """int64 (P, 2): the pairs that look alike, each once, the lesser number first.

    hashes: uint64 (N,). thumbs: uint8 (N, 8, 9), which decide where the hashes are close.
    """
    count = len(hashes)
    brightness = thumbs.sum(axis=(1, 2), dtype=np.int64)
    by_brightness = np.argsort(brightness, kind="stable")
    found = [np.empty(0, np.int64)]
    for mask in _masks():
        keys = hashes[by_brightness] & mask
        order = by_brightness[np.argsort(keys, kind="stable")]
        for first, second in _neighbours(hashes[order] & mask, brightness[order], order):
            close = differing_bits(hashes[first], hashes[second]) <= FARTHEST
            first, second = first[close], second[close]
            alike = is_alike(thumbs[first], thumbs[second])
            first, second = first[alike], second[alike]
            found.append(np.minimum(first, second) * count + np.maximum(first, second))
    pairs = np.unique(np.concatenate(found))
    return np.stack((pairs // max(1, count), pairs % max(1, count)), axis=1)


def _masks() -> Iterator[np.uint64]:
    edges = [round(64 * block / _BLOCKS) for block in range(_BLOCKS + 1)]
    blocks = [(1 << high) - (1 << low) for low, high in pairwise(edges)]
    return (np.uint64(sum(chosen)) for chosen in combinations(blocks, _BLOCKS - FARTHEST))


def _neighbours(keys: np.ndarray, brightness: np.ndarray, order: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs with the same key, as bright, as numbers. Sorted by key, then brightness; `order` says whose they are."""
    places = np.arange(len(keys) - 1)
    for step in range(1, _MOST + 1):
        places = places[places + step < len(keys)]
        # Whoever differs from the next one differs from the one after, too.
        same = keys[places] == keys[places + step]
        same &= brightness[places + step] - brightness[places] <= DIFFERENCE
        places = places[same]
        if not len(places):
            return
        yield order[places], order[places + step]
