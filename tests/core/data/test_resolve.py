"""What `--data` stands for: paths, the user's own folders, named sets, in that order of precedence."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest

from cvp_core.catalogue import Catalogue, Claim
from cvp_core.data import ArraySet, DataSplits, open_data, resolve
from cvp_core.errors import AmbiguousNameError, DataError, PluginError, UnknownNameError
from cvp_core.plugins import Plugin
from cvp_core.spec import DatasetSpec


def opened() -> DataSplits:
    images = ArraySet(np.zeros((4, 2, 2), np.uint8), [0, 0, 1, 1])
    return DataSplits("x", ("a", "b"), images, None, None, "made up", recipe={"epochs": 3})


def broken() -> DataSplits:
    raise RuntimeError("oh")


@pytest.fixture(autouse=True)
def catalogue(tmp_path, monkeypatch) -> None:
    """Two data sets, one claimed twice, and an empty working directory."""
    module = ModuleType("made_up_openers")
    module.opened, module.broken, module.wrong = opened, broken, dict
    monkeypatch.setitem(sys.modules, "made_up_openers", module)
    recipe = {"epochs": 9, "augment": "light"}
    claims = [
        ("toys", "opened", "cvp-one"),
        ("twice", "opened", "cvp-one"),
        ("twice", "opened", "cvp-two"),
        ("broken", "broken", "cvp-one"),
        ("wrong", "wrong", "cvp-one"),
    ]
    found = Catalogue(
        "data set",
        "cvp data list",
        [
            (
                name,
                Claim(
                    DatasetSpec(name, "", f"made_up_openers:{function}", recipe=recipe, synthetic=True),
                    Plugin(distribution, "1.0", "m"),
                ),
            )
            for name, function, distribution in claims
        ],
    )
    monkeypatch.setattr(resolve, "datasets", lambda: found)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def test_a_name_opens_the_data_set_with_its_recipe():
    splits = open_data("toys")
    assert (splits.name, splits.location, splits.synthetic) == ("toys", "made up", True)
    assert splits.recipe == {"epochs": 3, "augment": "light"}


def test_the_users_folders_come_before_the_data_sets_own_pictures(tmp_path, pictures, monkeypatch):
    pictures(tmp_path / "here" / "data" / "toys", cat=2, dog=2)
    splits = open_data("toys")
    assert splits.classes == ("cat", "dog")
    assert (splits.name, splits.location, splits.synthetic) == ("toys", "data/toys (from ./data)", False)
    assert splits.recipe == {"epochs": 9, "augment": "light"}

    monkeypatch.setenv("CVP_DATA", str(tmp_path / "mine"))
    assert open_data("toys").classes == ("cat", "dog")
    pictures(tmp_path / "mine" / "toys", cow=2, hen=2)
    splits = open_data("toys")
    assert splits.classes == ("cow", "hen")
    assert splits.location == f"{tmp_path / 'mine' / 'toys'} (from $CVP_DATA)"


def test_an_unknown_name_is_found_in_the_users_folders_too(tmp_path, pictures):
    pictures(tmp_path / "here" / "data" / "pets", cat=2, dog=2)
    assert open_data("pets").name == "pets"


@pytest.mark.parametrize("spelling", ["./toys", "../here/toys", "~/here/toys"])
def test_what_looks_like_a_path_is_a_path_even_if_a_data_set_has_the_name(tmp_path, pictures, monkeypatch, spelling):
    monkeypatch.setenv("HOME", str(tmp_path))
    pictures(tmp_path / "here" / "toys", cat=2, dog=2)
    assert open_data(spelling).classes == ("cat", "dog")


def test_a_path_object_is_a_path(tmp_path, pictures):
    assert open_data(pictures(tmp_path / "here" / "toys", cat=2, dog=2)).classes == ("cat", "dog")


def test_a_folder_here_is_opened_unless_a_data_set_has_its_name(tmp_path, pictures):
    pictures(tmp_path / "here" / "pets", cat=2, dog=2)
    pictures(tmp_path / "here" / "toys", cat=2, dog=2)
    assert open_data("pets").location == "pets"
    splits = open_data("toys")
    assert splits.location == "made up"
    assert "./toys means the folder here" in splits.notes[-1]


def test_an_unknown_name_is_one_line_for_both_readings(tmp_path, pictures):
    pictures(tmp_path / "here" / "toyz", cat=2, dog=2)
    with pytest.raises(UnknownNameError) as caught:
        open_data("toy")
    message = str(caught.value)
    assert message.startswith("no data set and no folder 'toy'. Did you mean 'toy")
    assert "'toys'" in message
    assert "'toyz'" in message
    assert "\n" not in message


def test_a_missing_path_is_about_folders():
    with pytest.raises(DataError, match="no folder 'no/such'"):
        open_data("no/such")


@pytest.mark.parametrize("name", ["", "a\0b", "x" * 300, "鸟", "~nobody-here/x", "http://example.org/x"])
def test_odd_names_are_one_line(name):
    with pytest.raises((DataError, UnknownNameError), match=r"no (data set and no )?folder") as caught:
        open_data(name)
    assert "\n" not in str(caught.value)


def test_a_file_here_is_said_to_be_a_file(tmp_path):
    (tmp_path / "here" / "pets.dat").touch()
    with pytest.raises(DataError, match="is a file"):
        open_data("pets.dat")


def test_a_name_of_two_distributions_is_ambiguous_until_it_is_written_in_full():
    with pytest.raises(AmbiguousNameError, match="'cvp-one/twice' or 'cvp-two/twice'"):
        open_data("twice")
    assert open_data("cvp-two/twice").name == "twice"


@pytest.mark.parametrize("name, reason", [("broken", "RuntimeError: oh"), ("wrong", "expected DataSplits")])
def test_an_opener_that_fails_is_its_plugins_fault(name, reason):
    with pytest.raises(PluginError, match=reason) as caught:
        open_data(name)
    assert "cvp-one 1.0" in str(caught.value)
