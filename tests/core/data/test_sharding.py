"""Writing shards: the same bytes every time, whole or not at all, and completed after an interruption."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvp_core.data import ArraySet, DataSplits, open_data, sharding
from cvp_core.data.sharding import write_shards
from cvp_core.errors import ConfigError, DataError, OutputError

SMALL = 6000  # bytes: three of these pictures


@pytest.fixture
def pets(tmp_path, pictures) -> DataSplits:
    pictures(tmp_path / "pets/train", cat=9, dog=8)
    pictures(tmp_path / "pets/val", dog=2)
    return open_data(tmp_path / "pets")


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_shards_hold_the_bytes_and_labels_of_the_pictures(tmp_path, pets):
    result = write_shards(pets, tmp_path / "out", shard_bytes=SMALL)
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["dataset-info.json", *(f"train-{n:06d}.tar" for n in range(6)), "val-000000.tar"]
    assert (result.shards, result.kept, result.pictures) == (7, 0, 19)
    assert result.size_bytes == sum(path.stat().st_size for path in (tmp_path / "out").glob("*.tar"))
    found = []
    for number in range(6):
        with tarfile.open(tmp_path / f"out/train-{number:06d}.tar") as archive:
            members = archive.getmembers()
            assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o644)}
            content = {member.name: archive.extractfile(member).read() for member in members}
        found += [(int(content[f"{key[:-4]}.cls"]), data) for key, data in content.items() if key.endswith(".png")]
    expected = [(int(label), pets.train.path(i)) for i, label in enumerate(pets.train.labels)]
    assert sorted(found) == sorted((label, Path(path).read_bytes()) for label, path in expected)
    assert len({label for label, _ in found[:6]}) == 2  # not class by class


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_the_same_pictures_give_the_same_bytes(tmp_path, pets, workers):
    write_shards(pets, tmp_path / "one", shard_bytes=SMALL, workers=1)
    os.utime(pets.train.path(0), ns=(1, 1))
    write_shards(pets, tmp_path / "two", shard_bytes=SMALL, workers=workers)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")


def test_what_is_complete_is_not_written_again(tmp_path, pets):
    write_shards(pets, tmp_path / "out", shard_bytes=SMALL)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    (tmp_path / "out/train-000003.tar").unlink()
    steps = []
    result = write_shards(pets, tmp_path / "out", shard_bytes=SMALL, progress=lambda *step: steps.append(step))
    assert (result.shards, result.kept) == (7, 6)
    assert steps == [(1, 3), (2, 3), (3, 3)]
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert {path.name for path in before if before[path] != after[path]} == {"train-000003.tar"}


KILLED = """
import os, signal, sys
from cvp_core.data import open_data
from cvp_core.data.sharding import write_shards

def progress(done, total):
    if done == 11:
        os.kill(os.getpid(), signal.SIGKILL)

write_shards(open_data(sys.argv[1]), sys.argv[2], shard_bytes=6000, workers=2, progress=progress)
"""


def test_a_killed_run_is_completed_by_the_next_to_the_same_bytes(tmp_path, pets):
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "pets", tmp_path / "out"], check=False)
    assert killed.returncode == -signal.SIGKILL
    left = {path.name for path in (tmp_path / "out").iterdir()}
    assert any(name.endswith(".part") for name in left)
    with pytest.raises(DataError, match="the same `cvp data shard` command completes"):
        open_data(tmp_path / "out")
    result = write_shards(pets, tmp_path / "out", shard_bytes=SMALL)
    assert 0 < result.kept < result.shards
    write_shards(pets, tmp_path / "whole", shard_bytes=SMALL)
    assert digests(tmp_path / "out") == digests(tmp_path / "whole")


def test_an_interruption_stops_a_shard_half_way_and_leaves_no_part(tmp_path, pets, monkeypatch):
    is_waiting, is_ending = threading.Event(), threading.Event()
    shutdown = ThreadPoolExecutor.shutdown

    def waiting(futures: list) -> Iterator:
        is_waiting.set()
        return as_completed(futures)

    def ending(pool: ThreadPoolExecutor, **options: bool) -> None:
        is_ending.set()
        shutdown(pool, **options)

    steps = []

    def progress(done: int, total: int) -> None:
        steps.append(done)
        if done == 3:
            is_waiting.wait()
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            is_ending.wait()

    monkeypatch.setattr(sharding, "as_completed", waiting)
    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", ending)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    try:
        with pytest.raises(KeyboardInterrupt):
            write_shards(pets, tmp_path / "out", workers=1, progress=progress)
    finally:
        signal.signal(signal.SIGINT, before)
    assert steps == [1, 2, 3]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["dataset-info.json"]


def test_shards_of_other_pictures_are_not_mixed(tmp_path, pets, pictures):
    write_shards(pets, tmp_path / "out", shard_bytes=SMALL)
    before = digests(tmp_path / "out")
    with pytest.raises(OutputError, match="holds 7 shards of other pictures, settings"):
        write_shards(pets, tmp_path / "out", shard_bytes=2 * SMALL)
    pictures(tmp_path / "pets/train", cow=2)
    with pytest.raises(OutputError, match="choose another folder, or remove them"):
        write_shards(open_data(tmp_path / "pets"), tmp_path / "out", shard_bytes=SMALL)
    assert digests(tmp_path / "out") == before


def test_two_processes_do_not_write_into_one_folder(tmp_path, pets):
    def progress(done: int, total: int) -> None:
        with pytest.raises(OutputError, match="another process writes shards to"):
            write_shards(pets, tmp_path / "out")

    write_shards(pets, tmp_path / "out", workers=1, progress=progress)


def test_a_picture_that_is_gone_is_named_and_leaves_no_part(tmp_path, pets):
    def progress(done: int, total: int) -> None:
        for index in range(len(pets.train)):
            Path(pets.train.path(index)).unlink(missing_ok=True)

    with pytest.raises(DataError, match=r"\.png: cannot be read: No such file"):
        write_shards(pets, tmp_path / "out", workers=1, progress=progress)
    assert {path.name for path in (tmp_path / "out").iterdir()} <= {"dataset-info.json", "val-000000.tar"}


@pytest.mark.parametrize("shape", [(6, 5, 4), (6, 5, 4, 3)])
def test_pictures_in_memory_become_png_files_without_loss(tmp_path, shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    splits = DataSplits(
        "digits",
        ("a", "b"),
        ArraySet(pixels, [0, 1] * 3),
        None,
        None,
        "",
        True,
        (1, 5, 4),
        {"mean": (0.5,), "epochs": 3},
    )
    write_shards(splits, tmp_path / "out")
    again = open_data(tmp_path / "out")
    found = {np.asarray(again.train.read(i, 1 if len(shape) == 3 else 3)).tobytes() for i in range(6)}
    assert found == {picture.tobytes() for picture in pixels}
    assert (again.name, again.synthetic, again.image_size) == ("digits", True, (1, 5, 4))
    assert again.recipe == {"mean": (0.5,), "epochs": 3}


def test_shards_can_be_made_of_an_archive_and_of_shards(tmp_path, pets):
    write_shards(pets, tmp_path / "one", shard_bytes=SMALL)
    splits = open_data(tmp_path / "one")
    write_shards(splits, tmp_path / "two")
    again = open_data(tmp_path / "two")
    for one, two in ((splits.train, again.train), (splits.val, again.val)):
        assert sorted(one.content(i) for i in range(len(one))) == sorted(two.content(i) for i in range(len(two)))


def test_sizes_and_workers_below_1_are_refused(tmp_path, pets):
    for options in ({"shard_bytes": 0}, {"workers": 0}):
        with pytest.raises(ConfigError, match="allowed are 1 and above"):
            write_shards(pets, tmp_path / "out", **options)


def test_webdataset_reads_what_is_written(tmp_path, pets):
    webdataset = pytest.importorskip("webdataset")
    write_shards(pets, tmp_path / "out", shard_bytes=SMALL)
    shards = sorted(map(str, (tmp_path / "out").glob("train-*.tar")))
    samples = list(
        webdataset.WebDataset(shards, shardshuffle=False, empty_check=False).decode("pil").to_tuple("png", "cls")
    )
    found = sorted((label, image.convert("RGB").tobytes()) for image, label in samples)
    expected = sorted((int(pets.train.labels[i]), pets.train.read(i).tobytes()) for i in range(17))
    assert found == expected


def test_pictures_without_a_suffix_get_one_by_their_content(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    contents = []
    for kind in ("JPEG", "PNG", "WEBP", "BMP"):
        buffer = io.BytesIO()
        Image.new("RGB", (4, 4)).save(buffer, kind)
        contents.append(buffer.getvalue())
    parquet.write_table(pyarrow.table({"image": contents, "label": list("abcd")}), tmp_path / "a.parquet")
    write_shards(open_data(tmp_path / "a.parquet"), tmp_path / "out")
    with tarfile.open(tmp_path / "out/train-000000.tar") as archive:
        suffixes = {os.path.splitext(name)[1] for name in archive.getnames()}
    assert suffixes == {".jpg", ".png", ".webp", ".bmp", ".cls"}
