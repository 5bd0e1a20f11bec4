"""Where pictures come from: labelled sets of them, in files or in memory, and the splits of a data set."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from PIL import Image

from ..errors import DataError, ImageError
from .image import open_image

__all__ = ["ArraySet", "DataSplits", "FileSet", "ImageSet"]


class ImageSet(Protocol):
    """Labelled pictures by index. Reading is thread-safe and the set can be pickled to worker processes."""

    @property
    def labels(self) -> np.ndarray:
        """int64 (N,): the index into the data set's classes of each picture."""
        ...

    def __len__(self) -> int: ...

    def read(self, index: int, channels: int = 3) -> Image.Image:
        """The picture as mode "RGB" (3 channels) or "L" (1). Raises DataError that names it."""
        ...

    def name(self, index: int) -> str:
        """What a person calls the picture: its path, or its number in the data set's file."""
        ...

    def subset(self, indices: Sequence[int] | np.ndarray) -> ImageSet:
        """The pictures of `indices`, in that order, under the names that they have here."""
        ...


class FileSet:
    """Pictures in files.

    All names are kept in one bytes object, and the path of a folder that many lie in once: a million cost their
    characters and 13 bytes each, and forked workers share them. Paths are made when they are asked for.
    """

    def __init__(self, paths: Sequence[str | os.PathLike[str]], labels: Sequence[int] | np.ndarray) -> None:
        encoded = [os.fsencode(path) for path in paths]
        bounds = np.cumsum([0, *(len(path) + 1 for path in encoded)])
        self._hold(b"\0".join([b"", *encoded, b""]), bounds, [b""], bounds[:1])
        self.labels = _as_labels(labels, len(encoded))

    @classmethod
    def in_folders(
        cls,
        folders: Sequence[str | os.PathLike[str]],
        names: Sequence[bytes | memoryview],
        labels: Sequence[int] | np.ndarray,
    ) -> FileSet:
        """The pictures of several folders. names: in each folder, as bytes with a zero byte after each name."""
        result = cls.__new__(cls)
        text = b"".join([b"\0", *names])
        starts = np.cumsum([0, *map(len, names)])[:-1]
        bounds = np.flatnonzero(np.frombuffer(text, np.uint8) == 0)
        result._hold(text, bounds, [os.fsencode(os.path.join(folder, "")) for folder in folders], starts)
        result.labels = _as_labels(labels, len(bounds) - 1)
        return result

    def _hold(self, text: bytes, bounds: np.ndarray, folders: Sequence[bytes], starts: np.ndarray) -> None:
        """text: the names, a zero byte before and after each. bounds: where these are. starts: of the folders in it."""
        kind = np.uint32 if len(text) < 1 << 32 else np.int64
        self._text, bounds = text, bounds.astype(kind)
        self._starts, self._ends = bounds[:-1], bounds[1:]
        self._folders, self._folder_starts = tuple(folders), starts.astype(kind)

    def __len__(self) -> int:
        return len(self.labels)

    def path(self, index: int) -> str:
        """The path of the file, for the file system; `name` is for people."""
        return os.fsdecode(self._path(index))

    def name(self, index: int) -> str:
        return self._path(index).decode("utf-8", "replace")

    def read(self, index: int, channels: int = 3, at_least: int = 0) -> Image.Image:
        """As ImageSet says; `at_least` as `open_image` takes it."""
        try:
            return open_image(self.path(index), channels, at_least)
        except ImageError as error:
            raise DataError(f"{self.name(index)}: {error}") from error

    def stamp(self, index: int) -> bytes:
        """Path, size and time of change (ns): another value where the file may hold another picture."""
        path = os.path.abspath(self._path(index))
        try:
            status = os.stat(path)
        except OSError:  # reading it will say why
            return path
        return path + b"\0%d %d" % (status.st_size, status.st_mtime_ns)

    def subset(self, indices: Sequence[int] | np.ndarray) -> FileSet:
        chosen = np.asarray(indices, dtype=np.int64)
        result = copy.copy(self)
        result._starts, result._ends = self._starts[chosen], self._ends[chosen]
        result.labels = self.labels[chosen]
        return result

    def _path(self, index: int) -> bytes:
        start = self._starts[index]
        folder = self._folders[self._folder_starts.searchsorted(start, "right") - 1]
        return folder + self._text[int(start) + 1 : int(self._ends[index])]


class ArraySet:
    """Pictures in memory.

    pixels: uint8 (N, H, W) or (N, H, W, C) with C 1 or 3; kept as (N, H, W) for one channel.
    title: what their names start with. A subset copies its pixels.
    """

    def __init__(self, pixels: np.ndarray, labels: Sequence[int] | np.ndarray, title: str = "picture") -> None:
        if (
            pixels.dtype != np.uint8
            or pixels.ndim not in (3, 4)
            or (pixels.ndim == 4 and pixels.shape[3] not in (1, 3))
        ):
            raise DataError(
                f"pictures given as {pixels.dtype} {pixels.shape}; "
                "allowed are uint8 (N, H, W) and (N, H, W, C) with 1 or 3 channels"
            )
        self.pixels = pixels[..., 0] if pixels.ndim == 4 and pixels.shape[3] == 1 else pixels
        self.labels = _as_labels(labels, len(pixels))
        self._title = title
        self._rows = np.arange(len(pixels), dtype=np.int64)

    def __len__(self) -> int:
        return len(self.labels)

    def name(self, index: int) -> str:
        return f"{self._title} #{self._rows[index]}"

    def read(self, index: int, channels: int = 3) -> Image.Image:
        try:
            return open_image(Image.fromarray(self.pixels[index]), channels)
        except ImageError as error:
            raise DataError(f"{self.name(index)}: {error}") from error

    def subset(self, indices: Sequence[int] | np.ndarray) -> ArraySet:
        chosen = np.asarray(indices, dtype=np.int64)
        result = ArraySet.__new__(ArraySet)
        result.pixels, result.labels = self.pixels[chosen], self.labels[chosen]
        result._title, result._rows = self._title, self._rows[chosen]
        return result


@dataclass(frozen=True)
class DataSplits:
    """A data set, ready for training.

    classes: the name of each label, by index.
    val, test: None where the data set has none; `with_validation` takes one out of train.
    location: where the pictures came from, for a person.
    synthetic: the pictures were made by a program.
    image_size: (channels, height, width) when all pictures share one, else None.
    recipe: training settings that suit this data, by TrainConfig's field names, and perhaps "mean" and "std"
        per channel in units of 0..1.
    notes: what the user should be told once, a sentence each.
    """

    name: str
    classes: tuple[str, ...]
    train: ImageSet
    val: ImageSet | None
    test: ImageSet | None
    location: str
    synthetic: bool = False
    image_size: tuple[int, int, int] | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def _as_labels(labels: Sequence[int] | np.ndarray, count: int) -> np.ndarray:
    result = np.asarray(labels, dtype=np.int64)
    if result.shape != (count,):
        raise DataError(f"{count} pictures, but labels of shape {result.shape}; there must be one each")
    return result
