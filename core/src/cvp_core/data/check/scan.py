"""All pictures of a collection read in threads, less those that are known from before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ...machine import available_cpus
from ..sources import FileSet
from .cache import ReadingCache, key_of
from .collection import Collection
from .reading import READING, Trait, read_picture

__all__ = ["OnProgress", "Readings", "recall", "scan"]

_BLOCK = 1024  # pictures between two looks into the cache
_PROBES = 16  # pictures that tell whether it is worth asking for the others

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Readings:
    """rows: READING (N,). reasons: why a picture cannot be read, by number. fresh: how many were read anew."""

    rows: np.ndarray
    reasons: dict[int, str]
    fresh: int = 0

    def having(self, traits: Trait) -> np.ndarray:
        """Numbers of the pictures with any of the traits."""
        return np.flatnonzero(self.rows["traits"] & int(traits))


def scan(pictures: Collection, workers: int | None = None, on_progress: OnProgress | None = None) -> Readings:
    """Reads every picture that is not known yet; 150 bytes of memory each.

    workers: threads; as many as there are processors if None. on_progress: called with how many are done and how many
    there are. What was read before an interruption is kept, and those that are being read are waited for.
    """
    book = _Book(len(pictures))
    fresh = 0
    with ReadingCache() as cache, ThreadPoolExecutor(workers or available_cpus()) as pool:
        for block in _blocks(len(pictures)):
            keys = _keys(pictures, block)
            known = book.recall(cache, keys)
            missing = [index for index in block if index not in known]
            done = block.stop - len(missing)
            new: list[tuple[bytes, bytes, str]] = []
            try:
                answers = pool.map(lambda index: read_picture(*pictures.place(index)), missing)
                for index, (reading, reason) in zip(missing, answers, strict=True):
                    book.note(index, reading, reason)
                    if index in keys and not int(reading["traits"]) & Trait.PASSING:
                        new.append((keys[index], reading.tobytes(), reason))
                    fresh, done = fresh + 1, done + 1
                    if on_progress is not None:
                        on_progress(done, len(pictures))
            except BaseException:
                pool.shutdown(cancel_futures=True)  # leaving the pool would wait for all that were asked for
                raise
            finally:
                cache.put(new)
            if on_progress is not None:
                on_progress(done, len(pictures))
    return Readings(book.rows, book.reasons, fresh)


def recall(pictures: Collection) -> Readings | None:
    """What is known of the pictures if that is all of them, unchanged since; None otherwise. Opens none."""
    count = len(pictures)
    probes = range(0, count, max(1, count // _PROBES))
    book = _Book(count)
    with ReadingCache() as cache:
        for block in (probes, *_blocks(count)):
            if len(book.recall(cache, _keys(pictures, block))) < len(block):
                return None
    return Readings(book.rows, book.reasons)


class _Book:
    """Rows and reasons as they come in."""

    def __init__(self, count: int) -> None:
        self.rows = np.zeros(count, READING)
        self.reasons: dict[int, str] = {}

    def note(self, index: int, reading: np.ndarray, reason: str) -> None:
        self.rows[index] = reading
        if reason:
            self.reasons[index] = reason

    def recall(self, cache: ReadingCache, keys: dict[int, bytes]) -> set[int]:
        """Notes what the cache knows, and says of which pictures that was."""
        known = cache.get(list(keys.values()))
        found = {index for index, key in keys.items() if key in known}
        for index in found:
            reading, reason = known[keys[index]]
            self.note(index, np.frombuffer(reading, READING)[0], reason)
        return found


def _blocks(count: int) -> Iterator[range]:
    return (range(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK))


def _keys(pictures: Collection, block: range) -> dict[int, bytes]:
    """By number; none for pictures that are in no file."""
    places = {index: pictures.place(index) for index in block}
    return {index: key_of(images.stamp(own)) for index, (images, own) in places.items() if isinstance(images, FileSet)}
