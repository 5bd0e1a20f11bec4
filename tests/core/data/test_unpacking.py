"""How far unpacking is: told from nothing to all of the archive's bytes, and not at all where it is here already."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import pytest

from cvp_core.data import open_data
from cvp_core.data.unpacking import unpacking_watched


def tarred(path: Path) -> Path:
    """Some megabytes that hardly get smaller."""
    with tarfile.open(path, "w:gz") as archive:
        for name in ("cat/0.png", "dog/0.png", "dog/1.png"):
            member = tarfile.TarInfo(name)
            member.size = 1_500_000
            archive.addfile(member, io.BytesIO(os.urandom(member.size)))
    return path


def test_a_compressed_tar_tells_the_bytes_that_were_read_of_it(tmp_path: Path) -> None:
    file = tarred(tmp_path / "pets.tar.gz")
    seen: list[tuple[str, int, int]] = []
    with unpacking_watched(lambda *step: seen.append(step)):
        open_data(file)
    size = file.stat().st_size
    assert {(title, total) for title, _, total in seen} == {(str(file), size)}
    done = [step for _, step, _ in seen]
    assert (done[0], done[-1]) == (0, size)
    assert done == sorted(done)
    assert len({step for step in done if 0 < step < size}) >= 3
    seen.clear()
    with unpacking_watched(lambda *step: seen.append(step)):
        open_data(file)
    assert seen == []


def test_a_parquet_tells_its_share_of_rows(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = pyarrow.table({"image": [b"x" * 99] * 200, "label": ["cat", "dog"] * 100})
    parquet.write_table(table, tmp_path / "pets.parquet")
    seen: list[tuple[str, int, int]] = []
    with unpacking_watched(lambda *step: seen.append(step)):
        open_data(tmp_path / "pets.parquet")
    size = (tmp_path / "pets.parquet").stat().st_size
    assert [done for _, done, _ in seen] == [0, *(size * row // 200 for row in (64, 128, 192)), size]
