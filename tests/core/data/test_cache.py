"""Decoded pictures on disk: what comes back is what was put, or nothing, whatever happened to the file."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import time
from pathlib import Path

import numpy as np
import pytest

from cvp_core.data import cache as cache_module
from cvp_core.data.cache import PictureCache

GIB = 1 << 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "pictures"


def pixels(seed: int, height: int = 7, width: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def make(folder: Path, room: int = GIB, key: bytes = b"k", count: int = 6) -> PictureCache:
    return PictureCache([key], count, 3, room, folder)


def test_pixels_come_back_in_their_own_shapes_also_after_a_restart(folder: Path) -> None:
    cache = make(folder)
    for index in (3, 0):
        assert cache.get(index) is None
        cache.put(index, pixels(index, 7 + index, 5))
    for reader in (cache, make(folder), pickle.loads(pickle.dumps(cache))):
        for index in (3, 0):
            found = reader.get(index)
            assert found is not None
            assert np.array_equal(found, pixels(index, 7 + index, 5))
            assert found.flags.writeable
        assert reader.get(1) is None
    assert make(folder, key=b"other").get(3) is None


def test_another_key_is_another_cache_however_its_parts_are_cut(folder: Path) -> None:
    assert len({PictureCache(key, 1, 3, GIB, folder).path for key in ([b"ab", b"c"], [b"a", b"bc"], [b"abc"])}) == 3


def _half_of_the_pictures(folder: Path, own: int) -> None:
    cache = make(folder, count=100)
    for index in range(own, 100, 2):
        cache.put(index, pixels(index))
        cache.put(0, pixels(0))


def test_processes_add_at_once_without_mixing_pictures_up(folder: Path) -> None:
    processes = [multiprocessing.Process(target=_half_of_the_pictures, args=(folder, own)) for own in (0, 1)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    cache = make(folder, count=100)
    for index in range(100):
        found = cache.get(index)
        assert found is not None
        assert np.array_equal(found, pixels(index))


def test_a_fork_writes_at_its_own_place(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A forked worker writes between its parent's writing and asking where that was."""
    cache = make(folder)
    write = os.write

    def write_and_fork(descriptor: int, data: memoryview) -> int:
        written = write(descriptor, data)
        monkeypatch.setattr(os, "write", write)
        child = multiprocessing.get_context("fork").Process(target=cache.put, args=(1, pixels(1)))
        child.start()
        child.join()
        return written

    monkeypatch.setattr(os, "write", write_and_fork)
    cache.put(0, pixels(0))
    assert all(np.array_equal(cache.get(index), pixels(index)) for index in range(2))


@pytest.mark.parametrize("damage", ["cut", "emptied", "zeroed", "index", "removed"])
def test_a_damaged_file_gives_nothing_wrong_and_is_filled_again(folder: Path, damage: str) -> None:
    cache = make(folder)
    for index in range(6):
        cache.put(index, pixels(index))
    length = cache.path.stat().st_size
    if damage == "removed":
        cache.path.unlink()
    elif damage in ("cut", "emptied"):
        os.truncate(cache.path, length - 50 if damage == "cut" else 0)
    else:
        with cache.path.open("r+b") as file:
            file.seek(0 if damage == "index" else length - 50)
            file.write(b"\xff" * 40 if damage == "index" else bytes(50))
    for reader in (cache, make(folder)) if damage != "zeroed" else (make(folder),):
        for index in range(6):
            found = reader.get(index)
            assert found is None or np.array_equal(found, pixels(index))
            if found is None:
                reader.put(index, pixels(index))
    healed = make(folder)
    for index in range(6):
        if healed.get(index) is None:
            healed.put(index, pixels(index))
        found = healed.get(index)
        assert found is not None
        assert np.array_equal(found, pixels(index))
    if damage in ("cut", "zeroed"):
        assert make(folder).get(5) is not None


def test_pixels_that_never_reached_the_disk_are_not_shown(folder: Path) -> None:
    """What a power failure may leave: the entry is there, the pixels are not."""
    cache = make(folder)
    cache.put(2, pixels(2))
    with cache.path.open("r+b") as file:
        file.seek(-pixels(2).nbytes, os.SEEK_END)
        file.write(bytes(pixels(2).nbytes))
    assert make(folder).get(2) is None


def test_no_more_is_kept_than_there_is_room_for(folder: Path) -> None:
    each = pixels(0).nbytes
    cache = make(folder, room=6 * 16 + 3 * each)
    for index in range(6):
        cache.put(index, pixels(index))
    assert [cache.get(index) is not None for index in range(6)] == [True] * 3 + [False] * 3
    assert cache.path.stat().st_size <= 6 * 16 + 3 * each


def test_the_least_recently_used_cache_makes_room_and_one_in_use_does_not(folder: Path) -> None:
    each = pixels(0).nbytes
    room = 4 * 6 * 16 + 4 * each
    paths = []
    for age, key in ((30, b"old"), (20, b"used"), (10, b"new")):
        filled = make(folder, room, key)
        filled.put(0, pixels(0))
        paths.append(filled.path)
        os.utime(filled.path, ns=(0, time.time_ns() - age * 10**9))
    del filled
    held = make(folder, room, b"used")
    os.utime(held.path, ns=(0, 0))
    latest = make(folder, room, b"latest")
    for index in range(2):
        latest.put(index, pixels(index))
    assert [path.exists() for path in paths] == [False, True, True]
    assert latest.get(1) is not None
    assert held.get(0) is not None


def test_a_cache_larger_than_the_room_of_this_run_is_begun_anew(folder: Path) -> None:
    cache = make(folder)
    for index in range(6):
        cache.put(index, pixels(index))
    assert make(folder, room=400).get(0) is None
    assert cache.path.stat().st_size <= 400


def test_a_full_disk_and_a_folder_that_cannot_be_written_only_cost_time(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    nowhere = make(tmp_path / "file" / "pictures")
    nowhere.put(0, pixels(0))
    assert nowhere.get(0) is None
    monkeypatch.setattr(cache_module, "_SPARED", 1 << 62)
    cache = make(folder)
    cache.put(0, pixels(0))
    assert cache.get(0) is None
