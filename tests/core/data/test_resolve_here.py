"""A folder that is called like a named data set: what lies here comes before the network, and it is told."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from cvp_cli.main import main
from cvp_core.catalogue import Catalogue, Claim
from cvp_core.data import DataSplits, open_data, resolve
from cvp_core.data.registered import register
from cvp_core.download import OFFLINE, cache_folder, fetch
from cvp_core.errors import DataError, MachineError
from cvp_core.plugins import Plugin
from cvp_core.spec import DatasetSpec


@pytest.fixture(autouse=True)
def published(tmp_path: Path, pictures: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """The list of a data set called toys, which its opener fetches, and one that nobody can download."""
    folder = pictures(tmp_path / "served", ant=2, bee=2)
    lines = [f"{folder}/{name}/{number}.png {name}\n" for name in ("ant", "bee") for number in (0, 1)]
    (folder / "toys.txt").write_text("".join(lines))

    def toys() -> DataSplits:
        from cvp_core.data.listing import open_list

        # As a plugin would; $CVP_OFFLINE lets addresses of files pass, so it is looked at here.
        if os.environ.get(OFFLINE) and not (cache_folder("toys") / "toys.txt").exists():
            raise MachineError("not here")
        return open_list(fetch([(folder / "toys.txt").as_uri()], None, cache_folder("toys") / "toys.txt"), follow=True)

    def locked() -> DataSplits:
        raise DataError("log in at example.org")

    module = ModuleType("openers_here")
    module.toys, module.locked = toys, locked  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "openers_here", module)
    plugin = Plugin("cvp-one", "1.0", "m")
    claims = [
        (name, Claim(DatasetSpec(name, "", f"openers_here:{name}", recipe={"epochs": 9}), plugin))
        for name in ("toys", "locked")
    ]
    monkeypatch.setattr(resolve, "datasets", lambda: Catalogue("data set", "cvp data list", claims))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return folder


def test_a_set_that_is_here_wins_and_the_folder_is_told(pictures: Callable[..., Path]) -> None:
    open_data("toys")  # downloads it
    pictures(Path("toys"), cat=2, dog=2)
    splits = open_data("toys")
    assert splits.classes == ("ant", "bee")
    assert splits.notes[-1] == "'toys' is taken as the name of a data set; ./toys means the folder here"


def test_a_folder_comes_before_a_download_and_the_other_is_told(pictures: Callable[..., Path]) -> None:
    pictures(Path("toys"), cat=2, dog=2)
    splits = open_data("toys")
    assert (splits.name, splits.classes, dict(splits.recipe)) == ("toys", ("cat", "dog"), {})
    assert splits.notes[-1] == (
        "'toys' is taken as ./toys, the folder here, since the data set 'toys' is not on this machine; "
        "cvp-one/toys means that one"
    )
    assert not cache_folder("toys").exists()
    assert OFFLINE not in os.environ


def test_the_path_means_the_folder_and_the_full_name_the_set_whatever_is_here(pictures: Callable[..., Path]) -> None:
    pictures(Path("toys"), cat=2, dog=2)
    assert open_data("cvp-one/toys").classes == ("ant", "bee")
    assert open_data("./toys").classes == ("cat", "dog")  # though the set is here now
    assert open_data("./toys").notes == ()


def test_pull_means_the_set_and_from_then_on_so_does_its_name(pictures: Callable[..., Path]) -> None:
    pictures(Path("toys"), cat=2, dog=2)
    assert main(["data", "pull", "toys"]) == 0
    assert open_data("toys").classes == ("ant", "bee")


def test_a_registered_name_wins_without_a_word(tmp_path: Path, pictures: Callable[..., Path]) -> None:
    pictures(Path("toys"), cat=2, dog=2)
    register("toys", str(pictures(tmp_path / "mine", cow=2, hen=2)))
    splits = open_data("toys")
    assert (splits.classes, splits.notes) == (("cow", "hen"), ())


def test_without_a_folder_the_set_is_downloaded() -> None:
    assert open_data("toys").classes == ("ant", "bee")
    Path("toys.dat").touch()
    Path("locked").touch()  # no file that could be opened
    with pytest.raises(DataError, match=r"^log in at example\.org$"):
        open_data("locked")


def test_a_set_that_cannot_be_had_gives_way_with_the_reason(pictures: Callable[..., Path]) -> None:
    pictures(Path("locked"), cat=2, dog=2)
    splits = open_data("locked")
    assert splits.classes == ("cat", "dog")
    assert (
        "the data set 'locked' cannot be opened (log in at example.org); cvp-one/locked means that one"
        in (splits.notes[-1])
    )


def test_a_folder_that_is_no_data_set_is_told_with_the_way_to_the_set() -> None:
    Path("toys").mkdir()
    with pytest.raises(DataError, match=r"'toys' holds no pictures .*cvp-one/toys means that one\)$"):
        open_data("toys")
