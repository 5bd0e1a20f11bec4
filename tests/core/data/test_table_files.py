"""Several tables as one data set: folders of .parquet files and patterns, with the splits that their names say."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cvp_core.data import DataSplits, open_data
from cvp_core.data.address import with_reading
from cvp_core.data.file_splits import by_split
from cvp_core.errors import ConfigError, DataError

pyarrow = pytest.importorskip("pyarrow")
from pyarrow import parquet  # noqa: E402


def picture(seed: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (seed, 0, 0)).save(file, "PNG")
    return file.getvalue()


def write(file: Path, labels: list[Any], first: int = 0, names: tuple[str, ...] = (), **columns: list[Any]) -> Path:
    """A .parquet with a picture of the shade `first`, `first + 1`, ... a label."""
    file.parent.mkdir(parents=True, exist_ok=True)
    images = [{"bytes": picture(first + row), "path": None} for row in range(len(labels))]
    table = pyarrow.table({"image": images, "label": labels, **columns})
    if names:
        features = {"label": {"names": list(names), "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    parquet.write_table(table, file, row_group_size=2)
    return file


def shades(splits: DataSplits, split: str = "train") -> list[int]:
    images = getattr(splits, split)
    return [images.read(index).getpixel((0, 0))[0] for index in range(len(images))]


def failure(data: str | Path) -> str:
    with pytest.raises((ConfigError, DataError)) as caught:
        open_data(str(data))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    folder = tmp_path / "pets"
    write(folder / "train-00000-of-00002.parquet", ["cat", "dog", "cat"])
    write(folder / "train-00001-of-00002.parquet", ["dog"], first=3)
    write(folder / "validation-00000-of-00001.parquet", ["dog", "cat"], first=10)
    return folder


@pytest.mark.parametrize("spelling", ["", "/*.parquet", "/{train,validation}-*.parquet", "/*-0000?-of-*.parquet"])
def test_a_folder_and_a_pattern_are_one_data_set(pets: Path, spelling: str) -> None:
    splits = open_data(f"{pets}{spelling}")
    assert (splits.name, splits.classes, splits.location) == ("pets", ("cat", "dog"), f"{pets}{spelling}")
    assert splits.train.labels.tolist() == [0, 1, 0, 1]
    assert shades(splits) == [0, 1, 2, 3]
    assert splits.val.labels.tolist() == [1, 0]
    assert shades(splits, "val") == [10, 11]
    assert splits.train.name(3) == f"{pets}/train-00001-of-00002.parquet/row 1"


def test_a_pattern_in_the_folder_that_one_is_in(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pets)
    splits = open_data("train-{00000..00001}-of-00002.parquet")
    assert (splits.name, shades(splits), splits.val) == ("pets", [0, 1, 2, 3], None)
    assert shades(open_data("validation-*.parquet")) == [10, 11]  # alone they are given to be used


@pytest.mark.parametrize("names", [("data/train-00000-of-00001", "data/test-00000-of-00001"), ("train/0", "test/0")])
def test_a_copy_of_a_hub_repository_is_a_folder_of_tables(tmp_path: Path, names: tuple[str, str]) -> None:
    for number, name in enumerate(names):
        write(tmp_path / "d" / f"{name}.parquet", ["cat", "dog"], first=20 * number)
    (tmp_path / "d" / "README.md").touch()
    splits = open_data(tmp_path / "d")
    assert (shades(splits), shades(splits, "test")) == ([0, 1], [20, 21])


def test_a_folder_of_classes_stays_one_though_a_table_lies_in_it(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "d" / name).mkdir(parents=True)
        (tmp_path / "d" / name / "0.png").write_bytes(picture(0))
    write(tmp_path / "d" / "features.parquet", ["x", "y"])
    assert open_data(tmp_path / "d").classes == ("cat", "dog")


def test_columns_are_named_for_all_of_them(pets: Path) -> None:
    for file in pets.iterdir():
        count = parquet.read_table(file).num_rows
        write(file, ["x"] * count, kind=["ant", "bee", "ant"][:count])
    assert open_data(with_reading(str(pets), None, "kind")).classes == ("ant", "bee")
    assert open_data(f"{pets}/*.parquet?label=kind").classes == ("ant", "bee")
    write(pets / "train-00001-of-00002.parquet", ["x"])
    assert "train-00001-of-00002.parquet has no column 'kind'" in failure(f"{pets}?label=kind")


def test_columns_of_what_is_no_table_are_refused(tmp_path: Path, pictures: Any) -> None:
    folder = pictures(tmp_path / "d", cat=2, dog=2)
    assert "--label-column is for tables" in failure(with_reading(str(folder), None, "kind"))


def test_tables_of_paths_are_joined_too(tmp_path: Path, pictures: Any) -> None:
    pictures(tmp_path, cat=2, dog=2)
    for split, number in (("train", 0), ("test", 1)):
        rows = "".join(f"{name}/{number}.png,{name}\n" for name in ("cat", "dog"))
        (tmp_path / f"{split}.csv").write_text(f"image,label\n{rows}")
    splits = open_data(f"{tmp_path}/*.csv")
    assert [Path(splits.test.name(index)).relative_to(tmp_path).as_posix() for index in (0, 1)] == [
        "cat/1.png",
        "dog/1.png",
    ]
    write(tmp_path / "train-1.parquet", ["cat"])
    assert "has tables of paths and tables of pictures" in failure(f"{tmp_path}/{{train.csv,train-1.parquet}}")


def test_what_does_not_fit_together_is_told(pets: Path) -> None:
    write(pets / "validation-00000-of-00001.parquet", ["cow"])
    assert "row 1: 'cow' is no class of train-00000-of-00002.parquet, the training pictures" in failure(pets)
    write(pets / "validation-00000-of-00001.parquet", [0], names=("cat", "dog"))
    assert "names other classes than" in failure(pets)
    for file in pets.glob("train*"):
        file.rename(pets / file.name.replace("train", "test"))
    assert "has no split called train, but test, val" in failure(pets)
    assert "no table fits" in failure(f"{pets}/no-*.parquet")


def test_a_split_without_labels_is_left_out_unless_it_is_to_be_trained_on(tmp_path: Path) -> None:
    write(tmp_path / "train.parquet", [1, 0], names=("ant", "bee"))
    write(tmp_path / "test.parquet", [-1, -1], names=("ant", "bee"))
    splits = open_data(f"{tmp_path}/*.parquet")
    assert (splits.classes, splits.test) == (("ant", "bee"), None)
    assert any(note == "test.parquet has pictures without label (-1) and is left out" for note in splits.notes)
    assert "test.parquet has pictures without label (-1); leave them out" in failure(tmp_path / "test.parquet")


PEAK = """
import sys, pyarrow
from cvp_core.data import open_data
splits = open_data(sys.argv[1])
assert len(splits.train) == 64
print(pyarrow.default_memory_pool().max_memory())
"""


def test_pictures_are_copied_a_group_of_rows_at_a_time(tmp_path: Path) -> None:
    """Of 64 pictures of 1 MB in groups of four, a few are in memory, not all: measured in a process of its own."""
    content = [picture(row) + bytes(1 << 20) for row in range(64)]
    table = pyarrow.table({"image": content, "label": ["cat", "dog"] * 32})
    parquet.write_table(table, tmp_path / "pets.parquet", row_group_size=4, compression="none")
    peak = subprocess.run(
        [sys.executable, "-c", PEAK, tmp_path / "pets.parquet"], capture_output=True, text=True, check=True
    )
    assert 4 << 20 < int(peak.stdout) < 24 << 20


@pytest.mark.parametrize(
    "paths, found",
    [
        # What the hub's documentation shows as examples of structures that need no configuration.
        (["data/train-00000-of-00003.csv", "data/test-00000-of-00001.csv"], ["train", "test"]),
        (["train.csv", "test.csv", "validation.csv"], ["train", "test", "val"]),
        (["my_train_file.csv", "valid1.csv", "dev-x.csv"], ["train", "val", "val"]),
        (["data/train/a.csv", "data/eval/b.csv"], ["train", "test"]),
        (["a.csv", "b.csv"], ["train", "train"]),
        (["training-set/test.csv", "testing/train.csv"], ["train", "test"]),
        (["data/unsupervised-00000-of-00001.csv", "data/train-00000-of-00001.csv"], [None, "train"]),
        (["trainer.csv", "contest.csv"], ["train", "train"]),
    ],
)
def test_splits_are_those_that_names_say(paths: list[str], found: list[str | None]) -> None:
    splits, others = by_split(paths)
    role_of = {path: split for split, own in splits.items() for path in own}
    assert [role_of.get(path) for path in paths] == found
    assert others == [path for path, split in zip(paths, found, strict=True) if split is None]
