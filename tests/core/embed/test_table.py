"""Features in files: what is written is read again, and other files are told apart."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cvp_core.embed import FeatureTable, Selection, Source, read_table, write_table
from cvp_core.errors import ConfigError, DataError, NotInstalledError
from cvp_core.spec import Preprocess

SOURCE = Source("/w/net.safetensors", "net", "ab" * 32, "cvp-net/net", Preprocess((40, 40), 48))
TABLE = FeatureTable(
    features=np.arange(12, dtype=np.float32).reshape(4, 3),
    paths=("a.png", "鸟/b c.jpg", "mnist #3", "/abs/d.png"),
    source=SOURCE,
    labels=np.array([1, 0, 1, 1]),
    classes=("Cockatoo", "鸟"),
    selection=Selection("birds", "all", seed=3),
)
PLAIN = replace(TABLE, labels=None, classes=(), selection=None)


def assert_equal(found: FeatureTable, expected: FeatureTable) -> None:
    np.testing.assert_array_equal(found.features, expected.features)
    assert found.features.dtype == np.float32
    assert found.paths == expected.paths
    assert found.document() == expected.document()
    if expected.labels is None:
        assert found.labels is None
    else:
        np.testing.assert_array_equal(found.labels, expected.labels)


@pytest.mark.parametrize("suffix", [".safetensors", ".parquet"])
@pytest.mark.parametrize("table", [TABLE, PLAIN, replace(PLAIN, features=np.empty((0, 3), np.float32), paths=())])
def test_what_is_written_is_read_again(tmp_path: Path, suffix: str, table: FeatureTable) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / "new" / f"features{suffix}"
    write_table(path, table)
    assert_equal(read_table(path), table)
    assert os.listdir(path.parent) == [path.name]


def test_other_programs_read_the_tensors_and_the_columns(tmp_path: Path) -> None:
    write_table(tmp_path / "x.safetensors", TABLE)
    tensors = load_file(tmp_path / "x.safetensors")
    np.testing.assert_array_equal(tensors["features"], TABLE.features)
    np.testing.assert_array_equal(tensors["labels"], TABLE.labels)
    assert tensors["paths"].tobytes().decode() == "".join(TABLE.paths)
    parquet = pytest.importorskip("pyarrow.parquet")
    write_table(tmp_path / "x.parquet", TABLE)
    rows = parquet.read_table(tmp_path / "x.parquet").to_pylist()
    assert rows[1] == {"path": "鸟/b c.jpg", "label": "Cockatoo", "features": [3.0, 4.0, 5.0]}


def test_a_name_that_is_no_utf_8_survives(tmp_path: Path) -> None:
    name = os.fsdecode(b"\xff.png")
    write_table(tmp_path / "x.safetensors", replace(PLAIN, paths=(name, "b", "c", "d")))
    assert read_table(tmp_path / "x.safetensors").paths[0] == name


def test_a_picture_is_found_by_any_way_to_write_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert TABLE.row_of("a.png") == 0
    assert TABLE.row_of("./a.png") == 0
    assert TABLE.row_of(str(tmp_path / "a.png")) == 0
    assert TABLE.row_of("mnist #3") == 2
    assert TABLE.row_of("/abs/../abs/d.png") == 3
    assert TABLE.row_of("b.png") is None
    assert TABLE.label(0) == "鸟"
    assert PLAIN.label(0) is None


def test_files_that_hold_something_else_are_told(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with pytest.raises(DataError, match="not there; `cvp embed` writes"):
        read_table(path)
    with pytest.raises(DataError, match="a folder"):
        read_table(tmp_path)
    save_file({"w": np.zeros(3)}, path, {"cvp": "{}"})
    with pytest.raises(DataError, match="holds the weights of a network"):
        read_table(path)
    save_file({"w": np.zeros(3)}, path)
    with pytest.raises(DataError, match="something else"):
        read_table(path)
    write_table(path, TABLE)
    content = path.read_bytes()
    for size in (0, 5, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:size])
        with pytest.raises(DataError, match="damaged"):
            read_table(path)
    for text, other in ((b'"format_version": 1', b'"format_version": 9'), (b"cvp-net/net", b'cvp-net/"et')):
        escaped, changed = (part.replace(b'"', b'\\"') for part in (text, other))
        path.write_bytes(content.replace(escaped, changed, 1))
        with pytest.raises(DataError, match=r"reads up to 1: pip install|damaged"):
            read_table(path)


def test_a_parquet_file_of_others_is_told(tmp_path: Path) -> None:
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    parquet.write_table(pyarrow.table({"a": [1]}), path)
    with pytest.raises(DataError, match="does not say which network"):
        read_table(path)
    path.write_bytes(b"PAR1 or not")
    with pytest.raises(DataError, match="no Parquet file"):
        read_table(path)


def test_another_suffix_is_refused_and_parquet_without_pyarrow_names_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"\.safetensors or \.parquet, not to x\.npy"):
        write_table(tmp_path / "x.npy", TABLE)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(NotInstalledError, match="pip install pyarrow"):
        write_table(tmp_path / "x.parquet", TABLE)
    assert not list(tmp_path.iterdir())
