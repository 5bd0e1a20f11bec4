"""Divisions are disjoint and complete, keep classes in proportion and copies together, and read back as written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvp_core.data import ArraySet, DataSplits, FileSet, open_data
from cvp_core.data.check.division import divide, divided, write_lists
from cvp_core.errors import ConfigError, DataError, OutputError

Photos = Callable[[Path, dict[str, int | bytes]], Path]


@pytest.fixture
def root(tmp_path: Path, photos: Photos) -> Path:
    return photos(tmp_path / "d", {f"{name}/{n}.png": n for name in ("cat", "sea dog") for n in range(10)})


@given(
    st.lists(st.integers(0, 4), min_size=1, max_size=60),
    st.floats(0, 0.6),
    st.floats(0.01, 0.39),
    st.booleans(),
    st.lists(st.sets(st.integers(0, 59), min_size=2, max_size=5), max_size=6),
)
@settings(deadline=None)
def test_every_picture_is_in_one_part_and_groups_are_whole(
    labels: list[int], val: float, test: float, is_stratified: bool, drawn: list[set[int]]
) -> None:
    groups = [np.array(sorted(n for n in group if n < len(labels))) for group in drawn]
    groups = [group for group in groups if len(group)]
    parts = divide(np.array(labels), val, test, is_stratified=is_stratified, groups=groups)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for group in groups:
        assert sum(np.isin(group, part).any() for part in parts) == 1


def test_each_class_gives_its_share_of_the_whole() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 10])
    train, val, test = divide(labels, 0.2, 0.1)
    assert np.bincount(labels[val]).tolist() == [20, 10, 2]
    assert np.bincount(labels[test]).tolist() == [10, 5, 1]
    assert np.bincount(labels[train]).tolist() == [70, 35, 7]


def test_without_strata_the_total_is_the_share_and_classes_are_left_to_chance() -> None:
    labels = np.repeat([0, 1], 500)
    counts = [np.bincount(labels[divide(labels, 0.2, seed=seed, is_stratified=False)[1]]).tolist() for seed in range(5)]
    assert {sum(count) for count in counts} == {200}
    assert len({tuple(count) for count in counts}) > 1


def test_the_seed_decides() -> None:
    labels = np.zeros(100, np.int64)
    first, again, other = (divide(labels, 0.3, seed=seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again != other


@pytest.mark.parametrize("val, test", [(0.0, 0.0), (0.6, 0.4), (-0.1, 0.2), (1.0, 0.0), (float("nan"), 0.1)])
def test_shares_that_make_no_division_are_refused(val: float, test: float) -> None:
    with pytest.raises(ConfigError, match="allowed are 0 to 1"):
        divide(np.zeros(10, np.int64), val, test)


def test_lists_read_back_as_what_was_divided(root: Path) -> None:
    parts = divided(open_data(root), 0.2, 0.1)
    paths = write_lists(parts, root)
    assert {name: len(path.read_text().splitlines()) for name, path in paths.items()} == {
        "train": 14,
        "val": 4,
        "test": 2,
    }
    again = open_data(paths["train"], paths["val"])
    assert again.classes == parts.classes == ("cat", "sea dog")
    assert names(again.train) == names(parts.train)
    assert again.train.labels.tolist() == parts.train.labels.tolist()
    assert names(again.val) == names(parts.val)
    assert "sea dog/" in paths["train"].read_text()


def test_lists_in_a_folder_above_name_the_way_down(root: Path) -> None:
    write_lists(divided(open_data(root), 0.5), root.parent)
    assert (root.parent / "train.txt").read_text().startswith("d/cat/")
    assert len(open_data(root.parent / "train.txt").train) == 10


def test_strange_names_survive_or_are_refused(tmp_path: Path, photos: Photos) -> None:
    root = photos(tmp_path / "d", {"#1/ a.png": 1, "#1/tab\t.png": 2, "é/b c.png": 3, "é/#.png": 4})
    paths = write_lists(divided(open_data(root), 0.5), root)
    found = open_data(paths["train"], paths["val"])
    assert found.classes == ("#1", "é")
    assert len(found.train) + len(found.val) == 4
    for name in ("new\nline.png", "\udcff.png"):
        splits = DataSplits("x", ("a",), FileSet([root / name], [0]), None, None, str(root))
        with pytest.raises(DataError, match="cannot hold"):
            write_lists(splits, tmp_path)


def test_lists_elsewhere_are_refused_because_they_would_lead_out(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"such as -o {tmp_path}"):
        write_lists(divided(open_data(root), 0.2), tmp_path / "lists")
    assert not (tmp_path / "lists").exists()


def test_lists_that_are_there_stay_unless_forced_and_then_none_of_them_stays(root: Path) -> None:
    write_lists(divided(open_data(root), 0.2, 0.2), root)
    before = (root / "train.txt").read_bytes()
    with pytest.raises(OutputError, match="--force"):
        write_lists(divided(open_data(root), 0.3), root)
    assert (root / "train.txt").read_bytes() == before
    write_lists(divided(open_data(root), 0.3), root, force=True)
    assert not (root / "test.txt").exists()


def test_a_set_that_the_data_has_is_kept_and_not_drawn_again(tmp_path: Path, photos: Photos) -> None:
    names = {f"train/{name}/{n}.png": n for name in "ab" for n in range(4)} | {"val/a/1.png": 1}
    splits = open_data(photos(tmp_path / "d", names))
    with pytest.raises(ConfigError, match="leave --val out"):
        divided(splits, 0.2)
    parts = divided(splits, None, 0.5)
    assert (len(parts.train), len(parts.val), len(parts.test)) == (4, 1, 4)


def test_pictures_in_memory_and_too_few_pictures_are_refused(tmp_path: Path, photos: Photos) -> None:
    splits = DataSplits("toy", ("a", "b"), ArraySet(np.zeros((4, 8, 8), np.uint8), [0, 0, 1, 1]), None, None, "memory")
    with pytest.raises(DataError, match="files of their own"):
        write_lists(divided(splits, 0.5), tmp_path)
    with pytest.raises(DataError, match="too few pictures"):
        divided(open_data(photos(tmp_path / "d", {"a/1.png": 1, "b/1.png": 2})), 0.2)


def names(images: FileSet) -> list[str]:
    return [images.name(index) for index in range(len(images))]
