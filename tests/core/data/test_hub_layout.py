"""Which files of a hub's repository are meant, for what READMEs say in their several ways, and for nonsense in them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cvp_core.data.hub_layout import class_names, files_by_split
from cvp_core.data.hub_repository import Repository
from cvp_core.errors import DataError


def repository(paths: list[str], config: str = "", **card: Any) -> Repository:
    return Repository("me/insects", config, "0" * 40, dict.fromkeys(paths, (1, "")), card, Path("nowhere"))


FILES = ["a/x.parquet", "a/y.parquet", "b/deep/x.parquet", "test.parquet"]


@pytest.mark.parametrize(
    "data_files, found",
    [
        ("a/*.parquet", {"train": FILES[:2]}),
        (["a/x.parquet", "b/**"], {"train": [FILES[0], FILES[2]]}),
        ({"train": "**/x.parquet", "validation": ["test.parquet"]}, {"train": [FILES[0], FILES[2]], "val": FILES[3:]}),
        ([{"split": "train", "path": "a/[x-z].parquet"}, {"split": "test", "path": "t?st.*"}],
         {"train": FILES[:2], "test": FILES[3:]}),
        ([{"split": "test", "path": "./test.parquet"}], {"train": FILES[3:]}),
    ],
)  # fmt: skip
def test_data_files_are_written_in_four_ways(data_files: Any, found: dict[str, list[str]]) -> None:
    card = {"configs": [{"config_name": "default", "data_files": data_files}]}
    assert files_by_split(repository(FILES, **card)) == (found, [])


def test_the_default_configuration_is_taken_with_its_own_names() -> None:
    configs = [{"config_name": "a", "data_dir": "a"}, {"config_name": "b", "data_dir": "b", "default": True}]
    info = [
        {"config_name": name, "features": [{"name": "l", "dtype": {"class_label": {"names": [name, "other"]}}}]}
        for name in "ab"
    ]
    chosen = repository(FILES, configs=configs, dataset_info=info)
    assert files_by_split(chosen)[0] == {"train": ["b/deep/x.parquet"]}
    assert class_names(chosen) == ("b", "other")
    assert class_names(repository(FILES, "a", configs=configs, dataset_info=info)) == ("a", "other")


def test_names_by_number_are_sorted_by_it_and_two_columns_of_labels_are_unclear() -> None:
    names = {str(number): f"class {number}" for number in range(12)}
    one = {"name": "l", "dtype": {"class_label": {"names": names}}}
    assert class_names(repository([], dataset_info={"features": [one]})) == tuple(names.values())
    assert class_names(repository([], dataset_info={"features": [one, one]})) == ()


WORDS = st.sampled_from(["train", "default", "a", "a/*", "**", "[z-a]", "class_label", "names", "0", ""])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["config_name", "data_files", "data_dir", "split", "path", "features", "dtype", "class_label",
                         "names", "default", "0"]),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(configs=ANYTHING, info=ANYTHING, config=st.sampled_from(["", "a", "default"]))
def test_nonsense_in_a_readme_is_one_line_or_ignored(configs: Any, info: Any, config: str) -> None:
    hostile = repository(FILES, config, configs=configs, dataset_info=info)
    assert all(isinstance(name, str) for name in class_names(hostile))
    fault = ""
    try:
        found, _ = files_by_split(hostile)
    except DataError as error:
        fault = str(error)
    if fault:
        assert "\n" not in fault
    else:
        assert {path for own in found.values() for path in own} <= set(FILES)
