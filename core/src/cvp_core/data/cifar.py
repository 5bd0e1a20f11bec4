"""CIFAR-10 and CIFAR-100 in their binary version, read straight out of the published archive.

The Python version of the same data is a pickle, which cvp never reads. A record is one label byte (two in
CIFAR-100: coarse, fine) and 3072 bytes of a 32x32 picture, channel by channel.
"""

from __future__ import annotations

import tarfile
import zlib
from pathlib import Path

import numpy as np

from ..download import cache_folder, fetch
from ..errors import DataError
from .named import CIFAR10, CIFAR100
from .sources import ArraySet, DataSplits

__all__ = ["open_cifar10", "open_cifar100", "read_cifar"]

_URL = "https://www.cs.toronto.edu/~kriz/"
_PIXELS = 3 * 32 * 32
_MAX_BYTES = 1 << 30


def open_cifar10() -> DataSplits:
    """CIFAR-10 (Krizhevsky 2009), 50,000 and 10,000 pictures. Raises what `fetch` and `read_cifar` raise."""
    archive = _fetched("cifar10", "cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530")
    batches = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
    return read_cifar(archive, "cifar10", CIFAR10, batches, "test_batch.bin")


def open_cifar100() -> DataSplits:
    """CIFAR-100 (Krizhevsky 2009) with its fine labels. Raises what `fetch` and `read_cifar` raise."""
    archive = _fetched("cifar100", "cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8")
    return read_cifar(archive, "cifar100", CIFAR100, ("train.bin",), "test.bin", label_bytes=2)


def read_cifar(
    archive: Path,
    name: str,
    classes: tuple[str, ...],
    train: tuple[str, ...],
    test: str,
    label_bytes: int = 1,
) -> DataSplits:
    """The files named `train` and `test`, in any folder of a .tar.gz; the last of `label_bytes` is the label.

    Nothing is unpacked to disk. Raises DataError for a missing file, a part of a record, or an unknown label.
    """
    try:
        records = _records(archive, {*train, test}, label_bytes + _PIXELS)
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DataError(f"'{archive}' cannot be read: {error}; delete it to download it again") from error
    missing = [file for file in (*train, test) if file not in records]
    if missing:
        raise DataError(f"'{archive}' lacks {', '.join(missing)}; it is not the binary version of {name}")
    sets = []
    for title, files in (("train", train), ("test", (test,))):
        rows = np.concatenate([records.pop(file) for file in files])
        labels = rows[:, label_bytes - 1]
        if labels.max() >= len(classes):
            raise DataError(f"'{archive}' holds the label {labels.max()}; allowed are 0 to {len(classes) - 1}")
        pixels = rows[:, label_bytes:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        sets.append(ArraySet(np.ascontiguousarray(pixels), labels, f"{name} {title}"))
    return DataSplits(name, classes, sets[0], None, sets[1], str(archive), image_size=(3, 32, 32))


def _records(archive: Path, names: set[str], size: int) -> dict[str, np.ndarray]:
    """uint8 (N, size) of each of the named members."""
    found = {}
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            name = member.name.rpartition("/")[2]
            if name not in names:
                continue
            if not member.isfile() or member.size % size or not 0 < member.size < _MAX_BYTES:
                raise DataError(f"'{archive}': {member.name} has {member.size} bytes, not records of {size}")
            file = tar.extractfile(member)
            data = file.read() if file is not None else b""
            if len(data) != member.size:
                raise DataError(f"'{archive}' is cut off within {member.name}")
            found[name] = np.frombuffer(data, dtype=np.uint8).reshape(-1, size)
    return found


def _fetched(name: str, file: str, digest: str) -> Path:
    return fetch([_URL + file], digest, cache_folder(name) / file)
