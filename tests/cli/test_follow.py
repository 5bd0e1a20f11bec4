"""`--follow`: lists and tables whose paths lead out of their folder, wherever a command takes data."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from cvp_cli.main import main
from cvp_core.data import open_data
from cvp_core.data.address import Address, with_reading
from cvp_core.errors import ConfigError, DataError


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Pictures in one folder, and beside it one of lists that name them. The command runs in the latter."""
    rows = []
    for index in range(24):
        label = ("cat", "dog")[index % 2]
        file = tmp_path / "pictures" / label / f"{index}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (32, 32), (index * 10, 255 * (index % 2), 0)).save(file)
        rows.append((f"../pictures/{label}/{index}.png", label))
    folder = tmp_path / "lists"
    folder.mkdir()
    for name, part in (("train", rows[:16]), ("val", rows[16:])):
        (folder / f"{name}.txt").write_text("".join(f"{path} {label}\n" for path, label in part))
        with open(folder / f"{name}.csv", "w", newline="") as stream:
            csv.writer(stream).writerows([("where", "kind"), *part])
    monkeypatch.chdir(folder)
    return folder


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    code = main(list(arguments))
    message = capsys.readouterr().err.strip()
    assert "\n" not in message
    assert code == 2, message
    return message


@pytest.mark.parametrize("name", ["train.txt", "train.csv"])
def test_without_it_they_are_refused_with_their_line_and_the_option(lists, capsys, name):
    message = failure(capsys, "data", "info", name)
    assert "'../pictures/cat/0.png' leads out of the folder" in message
    assert "--follow" in message


@pytest.mark.parametrize("name", ["train.txt", "train.csv", "train.txt?follow=yes"])
@pytest.mark.parametrize("command", ["info", "stats", "verify"])
def test_commands_for_data_read_them(lists, capsys, command, name):
    options = [] if "?" in name else ["--follow"]
    assert main(["data", command, name, *options, "--json"]) == 0
    key, expected = ("pictures", 16) if command == "verify" else ("classes", ["cat", "dog"])
    assert json.loads(capsys.readouterr().out)[key] == expected


def test_columns_are_named_for_commands_for_data_too(lists, capsys):
    assert main(["data", "info", "train.csv", "--image-column", "where", "--label-column", "kind", "--follow"]) == 0
    assert "taken for the pictures" not in capsys.readouterr().err


def test_a_run_keeps_it_in_its_settings_for_what_comes_later(lists, capsys):
    given = ["--data", "train.txt", "--val-data", "val.txt", "--image-size", "32", "--dry-run"]
    assert main(["train", "oneconv", *given, "--follow"]) == 0
    out = capsys.readouterr().out
    assert 'data = "train.txt?follow=yes"' in out
    assert 'val_data = "val.txt?follow=yes"' in out
    assert "leads out" in failure(capsys, "train", "oneconv", *given)


def test_it_is_for_the_validation_pictures_alone_where_the_others_are_a_folder(lists, capsys):
    given = ["--data", "../pictures", "--val-data", "val.txt", "--follow", "--image-size", "32", "--dry-run"]
    assert main(["train", "oneconv", *given]) == 0
    out = capsys.readouterr().out
    assert 'data = "../pictures"' in out
    assert 'val_data = "val.txt?follow=yes"' in out


def test_a_name_that_is_given_keeps_it(lists, capsys):
    assert main(["data", "add", "my-pets", "train.txt", "--follow"]) == 0
    assert len(open_data("my-pets").train) == 16
    assert str(open_data("my-pets").train.name(0)).endswith("0.png")


@pytest.mark.parametrize("data", ["../pictures", "birds", "pets.zip", "https://example.org/pets.zip"])
def test_what_names_no_pictures_has_nothing_to_follow(lists, capsys, data):
    message = failure(capsys, "data", "info", data, "--follow")
    assert "--follow is for files that name pictures (.txt, .lst, .list, .csv, .tsv, .parquet)" in message
    assert f"'{data}' is none" in message


def test_it_says_how_to_read_data_which_must_be_given(lists, capsys):
    assert "--follow is how to read --data, which is missing" in failure(capsys, "train", "oneconv", "--follow")


def test_an_address_is_the_text_that_it_was_read_from():
    for text in ("train.txt", "a b.csv?image=a+%26+b&follow=yes", "x.lst?follow=yes", "https://h/x.parquet?label=k"):
        assert str(Address.parse(text)) == text
    assert Address.parse("https://h/x.csv?token=1").place == "https://h/x.csv?token=1"
    assert with_reading("train.txt?follow=yes") == "train.txt?follow=yes"
    assert with_reading("pets.csv?image=a", label_column="b", follow=True) == "pets.csv?image=a&label=b&follow=yes"
    for text in ("train.txt?follow=no", "train.txt?x", "pets.csv?follow="):
        with pytest.raises(DataError, match="or follow=yes"):
            Address.parse(text)
    with pytest.raises(ConfigError, match=r"--image-column is for tables .* 'train.txt' is none"):
        with_reading("train.txt", "a")
