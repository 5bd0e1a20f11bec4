"""The file of an index: damaged, of another version, unwritable, one of many; and what a million samples would take."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cvp_core.data import index, open_folder, with_validation
from cvp_core.places import user_cache

YESTERDAY = 1_700_000_000

pytestmark = pytest.mark.usefixtures("indices_of_any_size")


def make(root: Path, **counts: int) -> Path:
    """Folders of so many empty files, not touched since yesterday."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for number in range(count):
            (root / name / f"{name}_{number:06d}.png").touch()
        os.utime(root / name, (YESTERDAY, YESTERDAY))
    os.utime(root, (YESTERDAY, YESTERDAY))
    return root


def paths(root: Path) -> list[str]:
    images = open_folder(root).train
    return [images.path(number) for number in range(len(images))]


def files() -> set[str]:
    folder = user_cache("folders")
    return set(os.listdir(folder)) if folder.exists() else set()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return make(tmp_path / "d", cat=3, dog=2)


@pytest.mark.parametrize("ruin", [
    lambda content: b"", lambda content: content[:20], lambda content: content[:-1], lambda content: content + b"x",
    lambda content: content[:-3] + b"abc", lambda content: bytes(len(content)), lambda content: b"PK" + content,
])  # fmt: skip
def test_a_damaged_index_is_made_anew(data: Path, reads: list[str], ruin: Callable[[bytes], bytes]) -> None:
    first = paths(data)
    (file,) = user_cache("folders").iterdir()
    sound = file.read_bytes()
    file.write_bytes(ruin(sound))
    reads.clear()
    assert paths(data) == first
    assert len(reads) == 3
    assert file.read_bytes() == sound


def test_an_index_of_other_rules_says_nothing(data: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    open_folder(data)
    reads.clear()
    monkeypatch.setattr(index, "_FORMAT", hashlib.blake2b(b"other suffixes", digest_size=16))
    open_folder(data)
    assert len(reads) == 3


def test_a_few_pictures_need_no_index(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_WORTH", 6)
    open_folder(data)
    assert not files()


def test_a_cache_that_cannot_be_written_costs_nothing_but_time(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVP_CACHE", str(data / "dog" / "dog_000000.png"))
    assert paths(data) == paths(data) == sorted(map(str, data.rglob("*.png")))


def test_indices_that_were_not_used_for_long_make_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    roots = [make(tmp_path / name, cat=50, dog=50) for name in "abc"]
    owners: dict[str, str] = {}
    for age, root in enumerate(roots[:2]):
        open_folder(root)
        (new,) = files() - set(owners)
        owners[new] = root.name
        os.utime(user_cache("folders") / new, (YESTERDAY + age, YESTERDAY + age))
    open_folder(roots[0])  # from now on b's is the one that was not used for longest
    size = (user_cache("folders") / new).stat().st_size
    monkeypatch.setattr(index, "_ROOM", int(2.5 * size))
    open_folder(roots[2])
    assert {owners.get(name, "c") for name in files()} == {"a", "c"}
    monkeypatch.setattr(index, "_ROOM", size // 2)
    open_folder(make(tmp_path / "e", cat=50, dog=50))
    assert len(files()) == 1  # one that has no room beside others is kept alone


def test_a_disk_whose_folders_keep_no_times_is_read_every_time(
    data: Path, tmp_path: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    device = os.stat(data).st_dev
    mounts = tmp_path / "mountinfo"
    line = f"36 35 {os.major(device)}:{os.minor(device)} / /mnt rw,noatime shared:1 - {{}} s3:bucket rw\n"
    monkeypatch.setattr(index, "_MOUNTS", mounts)
    for kind, count in (("fuse.s3fs", 6), ("fuse", 6), ("fuseblk", 3), ("ext4", 0)):
        mounts.write_text("1 0 0:1 / / rw - tmpfs none rw\nno mount\n" + line.format(kind))
        reads.clear()
        open_folder(data)
        open_folder(data)
        assert len(reads) == count, kind


def test_a_sample_takes_little_memory_held_on_the_way_and_in_a_split(tmp_path: Path) -> None:
    count = 20_000
    root = make(tmp_path / "many", cat=count // 2, dog=count // 2)
    with_validation(open_folder(make(tmp_path / "few", cat=2, dog=2)), 0.5)  # what is imported is not counted
    for _ in ("by the disk", "by the index"):
        tracemalloc.start()
        splits = open_folder(root)
        held, peak = tracemalloc.get_traced_memory()
        assert len(splits.train) == count
        assert held < 60 * count
        assert peak < 150 * count
        splits = with_validation(splits, 0.2)
        assert tracemalloc.get_traced_memory()[0] < 60 * count
        tracemalloc.stop()
    assert splits.val is not None
    assert np.array_equal(np.bincount(splits.val.labels), [2000, 2000])
