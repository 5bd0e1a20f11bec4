"""Names that a user gives to pictures: found before all others, downloaded where they are an address, forgotten."""

from __future__ import annotations

import hashlib
import json
import shutil
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from cvp_cli.main import main
from cvp_core.data import open_data
from cvp_core.data.registered import forget, register, registered, registry_file
from cvp_core.errors import ConfigError, DataError, MachineError, UnknownNameError


@pytest.fixture
def cats(tmp_path, pictures):
    return pictures(tmp_path / "my cats", tabby=3, siamese=2)


@pytest.fixture
def server(tmp_path, cats):
    """What serves cats.zip, and the hash of it."""
    archive = shutil.make_archive(str(tmp_path / "served" / "cats"), "zip", cats)
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path / "served")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        Thread(target=running.serve_forever, daemon=True).start()
        digest = hashlib.sha256(Path(archive).read_bytes()).hexdigest()
        yield f"http://127.0.0.1:{running.server_port}/cats.zip", digest
        running.shutdown()


def test_the_names_are_kept_where_the_environment_says(tmp_path, monkeypatch):
    assert registry_file() == tmp_path / "config" / "datasets.json"  # of every test of this project
    monkeypatch.delenv("CVP_CONFIG")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/xdg")
    assert registry_file() == Path("/xdg/cvp/datasets.json")


def test_a_name_stands_for_its_folder_from_anywhere(cats, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    register("cats", "my cats")
    monkeypatch.chdir("/")
    splits = open_data("cats")
    assert (splits.name, splits.classes, len(splits.train)) == ("cats", ("siamese", "tabby"), 5)


def test_it_comes_before_a_named_data_set_and_keeps_its_recipe(cats):
    register("birds", str(cats))
    splits = open_data("birds")
    assert splits.classes == ("siamese", "tabby")
    assert not splits.synthetic
    assert splits.recipe["epochs"] == 8


def test_an_address_is_downloaded_once_verified_and_again_where_it_is_gone(server):
    url, digest = server
    found = register("cats", url, digest)
    assert len(open_data("cats").train) == 5
    Path(found.place).unlink()
    assert len(open_data("cats").train) == 5
    with pytest.raises(MachineError, match="is not the published one"):
        register("other", url, "0" * 64)
    assert list(registered()) == ["cats"]


def test_what_cannot_be_opened_gets_no_name(tmp_path):
    with pytest.raises(DataError):
        register("nothing", str(tmp_path / "absent"))
    assert registered() == {}


@pytest.mark.parametrize("name", ["../x", "Birds", "a b", ""])
def test_a_name_is_plain(name, cats):
    with pytest.raises(ConfigError, match="is no name for a data set"):
        register(name, str(cats))


def test_a_taken_name_needs_force_and_a_forgotten_one_is_gone(cats, tmp_path, pictures):
    dogs = pictures(tmp_path / "dogs", pug=2, boxer=2)
    register("pets-2", str(cats))
    with pytest.raises(ConfigError, match="--force"):
        register("pets-2", str(dogs))
    register("pets-2", str(dogs), replace=True)
    assert open_data("pets-2").classes == ("boxer", "pug")
    assert forget("pets-2").place == str(dogs)
    assert (dogs / "pug" / "0.png").is_file()
    with pytest.raises(UnknownNameError, match="no data set 'pets-2' was added"):
        forget("pets-2")


def test_a_damaged_file_of_names_is_told():
    registry_file().parent.mkdir(parents=True)
    registry_file().write_text("[1, 2")
    with pytest.raises(DataError, match="mend it or delete it"):
        open_data("birds")


def test_the_commands_add_list_pull_and_remove(cats, capsys):
    assert main(["data", "add", "cats", str(cats)]) == 0
    assert "5 pictures, 2 classes" in capsys.readouterr().out
    assert main(["data", "list", "--json"]) == 0
    (added,) = (row for row in json.loads(capsys.readouterr().out) if row["name"] == "cats")
    assert added["location"] == str(cats)
    assert main(["data", "pull", "cats"]) == 0
    assert "5 train" in capsys.readouterr().out
    assert main(["data", "remove", "cats"]) == 0
    assert main(["data", "remove", "cats"]) == 2
