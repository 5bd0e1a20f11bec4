"""Data sets written as WebDataset shards: the pictures' own bytes, shuffled once, the same files for the same input."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import tarfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ConfigError, MachineError, OutputError
from ..locks import locked
from ..weights.atomic import make_folder, write_atomically
from .originals import original, original_size, suffix_of
from .shard_info import INFO, ShardInfo, read_info
from .sources import DataSplits, ImageSet

__all__ = ["Sharded", "write_shards"]

Progress = Callable[[int, int], None]  # pictures that are written, of how many

_SEED = 0
_OVERHEAD = 3 * tarfile.BLOCKSIZE  # of a sample: two headers and the label


@dataclass(frozen=True)
class Sharded:
    """What was written. kept: shards that an earlier run had completed."""

    folder: Path
    shards: int
    kept: int
    pictures: int
    size_bytes: int


def write_shards(
    splits: DataSplits,
    folder: str | os.PathLike[str],
    *,
    shard_bytes: int = 100_000_000,
    workers: int = 2,
    progress: Progress | None = None,
) -> Sharded:
    """Writes train-000000.tar, ..., val- and test- where there are such pictures, and dataset-info.json with classes.

    A sample is 00000012.jpg, its bytes as they are, and 00000012.cls, the number of its class. Pictures in memory
    become PNG files. Each split is shuffled, always alike, so that a reader that streams sees all classes.
    shard_bytes: after which a shard is full. workers: shards written at a time.
    A shard appears whole or not at all; what an interrupted run has completed is kept when it is run again, and
    nothing is written where all is there. Raises ConfigError, DataError for a picture that cannot be read, and
    OutputError for a folder that cannot be written, that another process writes to, or with other pictures' shards.
    """
    if shard_bytes < 1 or workers < 1:
        raise ConfigError(f"shards of {shard_bytes} bytes by {workers} workers; allowed are 1 and above")
    place = make_folder(Path(folder).expanduser())
    with _alone_in(place):
        plan = _plan(splits, shard_bytes)
        info = _info(splits, plan)
        if not _is_continued(place, info):
            document = json.dumps(info.to_json(), indent=1, ensure_ascii=False)
            write_atomically(place / INFO, (document + "\n").encode())
        todo = {name: shard for name, shard in plan.items() if not (place / name).exists()}
        _write_all(place, todo, workers, _Counter(progress, sum(len(shard.indices) for shard in todo.values())))
    size = sum((place / name).stat().st_size for name in plan)
    return Sharded(place, len(plan), len(plan) - len(todo), sum(info.counts.values()), size)


@dataclass(frozen=True)
class _Shard:
    images: ImageSet
    indices: np.ndarray
    first: int  # number of its first sample in its split


def _plan(splits: DataSplits, shard_bytes: int) -> dict[str, _Shard]:
    """Every shard by its name. A split of one picture or more has one shard or more."""
    plan = {}
    for split, images in (("train", splits.train), ("val", splits.val), ("test", splits.test)):
        if images is None or not len(images):
            continue
        order = np.lexsort((np.random.PCG64(_SEED).random_raw(len(images)),))  # its raw stream is fixed by NumPy
        ends = np.cumsum([original_size(images, int(index)) + _OVERHEAD for index in order])
        first = number = 0
        while first < len(order):
            room = shard_bytes + (ends[first - 1] if first else 0)
            last = max(first + 1, int(np.searchsorted(ends, room, side="right")))
            plan[f"{split}-{number:06d}.tar"] = _Shard(images, order[first:last], first)
            first, number = last, number + 1
    return plan


def _info(splits: DataSplits, plan: dict[str, _Shard]) -> ShardInfo:
    digest = hashlib.sha256(json.dumps(splits.classes).encode())
    for title, shard in plan.items():
        digest.update(title.encode() + shard.images.labels[shard.indices].astype("<i8").tobytes())
        for index in shard.indices.tolist():
            name = os.path.basename(shard.images.name(index))  # the folder may have moved
            digest.update(f"{name}\0{original_size(shard.images, index)}\0".encode())
    return ShardInfo(
        classes=splits.classes,
        name=splits.name,
        counts={name: len(shard.indices) for name, shard in plan.items()},
        synthetic=splits.synthetic,
        image_size=splits.image_size,
        recipe=splits.recipe,
        digest=digest.hexdigest(),
    )


def _is_continued(place: Path, info: ShardInfo) -> bool:
    """Whether the same shards were begun here. Raises OutputError where there are others."""
    there = sum(name.endswith(".tar") for name in os.listdir(place))
    is_same = (place / INFO).exists() and read_info(place).digest == info.digest
    if there and not is_same:
        raise OutputError(
            f"{place} holds {there} shards of other pictures, settings or an earlier state of these; "
            "choose another folder, or remove them"
        )
    return is_same


def _write_all(place: Path, shards: dict[str, _Shard], workers: int, counter: _Counter) -> None:
    """Threads do: reading, writing and syncing files is all of the work."""
    pool = ThreadPoolExecutor(workers)
    try:
        for done in as_completed([pool.submit(_write, place / name, shard, counter) for name, shard in shards.items()]):
            done.result()
    finally:
        counter.is_stopped = True
        pool.shutdown(cancel_futures=True)


def _write(path: Path, shard: _Shard, counter: _Counter) -> None:
    part = path.with_name(f".{path.name}.part")  # a run that was killed leaves it, and the next writes it anew
    try:
        with open(part, "wb") as file:
            with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for number, index in enumerate(shard.indices.tolist(), start=shard.first):
                    if counter.is_stopped:
                        return
                    content = original(shard.images, index)
                    suffix = suffix_of(shard.images, index, content)
                    _add(tar, f"{number:08d}{suffix}", content)
                    _add(tar, f"{number:08d}.cls", str(int(shard.images.labels[index])).encode())
                    counter.count()
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise MachineError(f"cannot write {path}: {reason}; mend that and run it again to continue") from error
    finally:
        part.unlink(missing_ok=True)


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    """A member that says nothing of when and by whom it was made: TarInfo's own fields are zeros."""
    member = tarfile.TarInfo(name)
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


class _Counter:
    """Pictures that are written, by several threads."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self.is_stopped = False
        self._progress, self._total, self._done = progress, total, 0
        self._turn = threading.Lock()

    def count(self) -> None:
        with self._turn:
            self._done += 1
            if self._progress is not None:
                self._progress(self._done, self._total)


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Raises OutputError where another process writes shards to `folder`."""
    with locked(folder) as is_ours:
        if is_ours is False:
            raise OutputError(f"another process writes shards to {folder}; wait for it, or choose another folder")
        yield
