"""Data sets that Hugging Face's library saved: the same files, made here by pyarrow as that library makes them."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cvp_core.data import open_data
from cvp_core.errors import DataError, NotInstalledError

FEATURES = {"image": {"_type": "Image"}, "label": {"names": ["ant", "bee"], "_type": "ClassLabel"}}


def picture(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (7, 8 + seed, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def save(folder: Path, labels: list[int], features: Any = None, **state: Any) -> Path:
    """Two files of several batches, a picture a label; the library keeps paths beside the bytes."""
    pyarrow = pytest.importorskip("pyarrow")
    folder.mkdir(parents=True)
    kind = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
    schema = pyarrow.schema([("note", pyarrow.string()), ("image", kind), ("label", pyarrow.int64())])
    names = ["data-00000-of-00002.arrow", "data-00001-of-00002.arrow"]
    half = len(labels) // 2
    for name, rows in zip(names, (range(half), range(half, len(labels))), strict=True):
        with pyarrow.OSFile(str(folder / name), "wb") as file, pyarrow.ipc.new_stream(file, schema) as writer:
            for start in range(rows.start, rows.stop, 2):
                batch = [
                    {"note": "x" * row, "image": {"bytes": picture(row), "path": f"{row}.png"}, "label": labels[row]}
                    for row in rows[start - rows.start : start - rows.start + 2]
                ]
                writer.write_batch(pyarrow.RecordBatch.from_pylist(batch, schema))
    (folder / "dataset_info.json").write_text(json.dumps({"features": features or FEATURES}))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names], **state}))
    return folder


def failure(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        open_data(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pictures_are_read_from_the_files_where_they_lie(tmp_path: Path) -> None:
    splits = open_data(save(tmp_path / "pets", [0, 1, 1, 0, 1, 0, 0]))
    assert (splits.name, splits.classes, splits.val) == ("pets", ("ant", "bee"), None)
    assert splits.train.labels.tolist() == [0, 1, 1, 0, 1, 0, 0]
    assert [splits.train.content(index) for index in range(7)] == [picture(index) for index in range(7)]
    assert splits.train.name(4) == f"{tmp_path}/pets/data-00001-of-00002.arrow/row 4 4.png"
    assert not (tmp_path / "cache").exists()


def test_the_splits_of_a_dictionary_go_by_their_names(tmp_path: Path) -> None:
    for split, labels in {"train": [0, 1, 0, 1], "validation": [1, 0], "test": [-1, -1]}.items():
        save(tmp_path / "pets" / split, labels)
    (tmp_path / "pets/dataset_dict.json").write_text(json.dumps({"splits": ["train", "validation", "test"]}))
    splits = open_data(tmp_path / "pets")
    assert (len(splits.train), splits.val.labels.tolist(), splits.test) == (4, [1, 0], None)
    assert "test has pictures without label (-1)" in splits.notes[0]


def test_what_cannot_be_trained_on_is_told(tmp_path: Path) -> None:
    assert "needs a column of Image() and one of ClassLabel(); it has text" in failure(
        save(tmp_path / "a", [0, 1], {"text": {"_type": "Value"}})
    )
    assert "call flatten_indices()" in failure(save(tmp_path / "b", [0, 1], _indices_data_files=[{"filename": "i"}]))
    assert "pictures without label (-1)" in failure(save(tmp_path / "c", [0, -1]))
    (save(tmp_path / "d", [0, 1]) / "data-00000-of-00002.arrow").write_bytes(b"no arrow")
    assert "data-00000-of-00002.arrow cannot be read" in failure(tmp_path / "d")


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save(tmp_path / "pets", [0, 1])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(NotInstalledError, match=r"pip install 'cvp-core\[parquet\]'"):
        open_data(folder)
