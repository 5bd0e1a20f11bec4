"""Which pictures are copies of one another: the same bytes, or the same to the eye."""

from __future__ import annotations

import numpy as np

from .near import near_pairs
from .reading import Trait
from .scan import Readings

__all__ = ["alike_groups", "joined", "same_groups"]


def same_groups(readings: Readings) -> list[np.ndarray]:
    """Groups of two or more pictures with the same content (SHA-256), each ascending; no unreadable ones."""
    readable = _readable(readings)
    return _groups(readable, readings.rows["digest"][readable])


def alike_groups(readings: Readings) -> list[np.ndarray]:
    """Groups of two or more pictures of different content that look alike, each ascending.

    Of pictures with the same content the first stands for all. Pictures without contrast are left out.
    """
    readable = _readable(readings)
    usable = readable[(readings.rows["traits"][readable] & int(Trait.FLAT)) == 0]
    _, firsts = np.unique(readings.rows["digest"][usable], return_index=True)
    shown = usable[np.sort(firsts)]
    pairs = near_pairs(readings.rows["hash"][shown], readings.rows["thumb"][shown])
    members = np.unique(pairs)
    return _groups(shown[members], joined(len(shown), pairs)[members])


def joined(count: int, pairs: np.ndarray) -> np.ndarray:
    """int64 (count,): the least number that each number is connected with by pairs (P, 2), directly or not."""
    roots = np.arange(count)
    for first, second in pairs.tolist():
        low, high = sorted((_root(roots, first), _root(roots, second)))
        roots[high] = low
    while (roots[roots] != roots).any():
        roots = roots[roots]
    return roots


def _root(roots: np.ndarray, number: int) -> int:
    while roots[number] != number:
        roots[number] = roots[roots[number]]
        number = int(roots[number])
    return number


def _readable(readings: Readings) -> np.ndarray:
    return np.flatnonzero((readings.rows["traits"] & int(Trait.UNREADABLE | Trait.TRUNCATED)) == 0)


def _groups(members: np.ndarray, keys: np.ndarray) -> list[np.ndarray]:
    """Members with the same key, in the order of each group's first; `members` is ascending."""
    _, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    repeated = counts[inverse] > 1
    members, inverse = members[repeated], inverse[repeated]
    if not len(members):
        return []
    order = np.argsort(inverse, kind="stable")
    groups = np.split(members[order], np.flatnonzero(np.diff(inverse[order])) + 1)
    return sorted(groups, key=lambda group: int(group[0]))
