"""List files as people have them: what a line means, and the one line that says what is wrong with it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cvp_core.data import open_data, with_validation
from cvp_core.data.listing import open_list, with_val_list
from cvp_core.errors import DataError


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """A folder with cat/0.png, cat/1.png, dog/0.png and `my dog.png`."""
    folder = tmp_path / "pets"
    for name in ("cat/0.png", "cat/1.png", "dog/0.png", "my dog.png"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (len(name), 0, 0)).save(folder / name)
    return folder


def write(folder: Path, text: str | bytes, name: str = "train.txt") -> Path:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name


def names(images) -> list[str]:
    return [os.path.basename(images.name(index)) for index in range(len(images))]


def failure(path: Path, **options) -> str:
    with pytest.raises(DataError) as caught:
        open_list(path, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_line_is_a_path_that_may_hold_spaces_and_a_label(pets):
    splits = open_list(write(pets, "cat/0.png cat\nmy dog.png   dog\n./dog/0.png dog\n"))
    assert splits.classes == ("cat", "dog")
    assert splits.train.labels.tolist() == [0, 1, 1]
    assert names(splits.train) == ["0.png", "my dog.png", "0.png"]
    assert splits.train.read(1).getpixel((0, 0)) == (len("my dog.png"), 0, 0)
    assert (splits.val, splits.test, splits.name) == (None, None, "pets")


def test_after_a_tab_the_label_may_hold_spaces_too(pets):
    splits = open_list(write(pets, "cat/0.png\tBlack Cat\nmy dog.png\tdog\n", "mine.lst"))
    assert splits.classes == ("Black Cat", "dog")
    assert splits.name == "mine"


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_blank_lines_comments_windows_ends_and_a_byte_order_mark_are_no_entries(pets, start, end):
    lines = [b"# made by hand", b"cat/0.png cat", b"", b"  ", b"  # dogs", b"dog/0.png dog"]
    splits = open_list(write(pets, start + end.join(lines)))
    assert (splits.classes, names(splits.train)) == (("cat", "dog"), ["0.png", "0.png"])


def test_numbers_are_the_names_of_their_classes_in_the_order_of_numbers(pets):
    splits = open_list(write(pets, "cat/0.png 10\ncat/1.png 9\ndog/0.png 10\n"))
    assert splits.classes == ("9", "10")
    assert splits.train.labels.tolist() == [1, 0, 1]


def test_a_file_of_classes_names_the_numbers_from_0(pets):
    write(pets, "cat\ndog\ncow\n", "classes.txt")
    splits = open_list(write(pets, "dog/0.png 1\ncat/0.png 0\n"))
    assert splits.classes == ("cat", "dog", "cow")
    assert splits.train.labels.tolist() == [1, 0]
    assert any("no pictures of 'cow'" in note for note in splits.notes)
    message = failure(write(pets, "cat/0.png 1\ndog/0.png 3\n"))
    assert "train.txt, line 2: label 3" in message
    assert "names 3 classes, 0 to 2" in message


def test_a_file_of_classes_is_not_asked_where_labels_are_names(pets):
    write(pets, "x\ny\n", "classes.txt")
    assert open_list(write(pets, "dog/0.png dog\ncat/0.png 7\n")).classes == ("7", "dog")


@pytest.mark.parametrize("path", ["../x.png", "cat/../../x.png", "cat/../cat/0.png", "/etc/x.png"])
def test_a_path_that_leads_out_of_the_folder_is_told_with_its_line_and_the_way(pets, path):
    message = failure(write(pets, f"cat/0.png cat\n\n{path} dog\n"))
    assert f"train.txt, line 3: '{path}' leads out" in message
    assert "follow=True" in message


def test_a_trusted_list_may_lead_anywhere(pets):
    (pets / "lists").mkdir()
    splits = open_list(write(pets / "lists", f"../cat/0.png cat\n{pets}/dog/0.png dog\n"), follow=True)
    assert splits.train.read(1).size == (4, 4)


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "names no pictures; expected `path label` a line"),
        ("cat/0.png cat\ncat/1.png\n", "train.txt, line 2: 'cat/1.png' has no label"),
        (b"cat/0.png cat\ncat/\xff.png cat\n", "train.txt, line 2: not UTF-8"),
        ("cat/0.png cat\na\0b.png dog\n", "train.txt, line 2: a zero byte"),
        ("cat/0.png cat\ncat/1.png cat\n", "has one class, 'cat'"),
        ("cat/0.png cat\nno.png dog\nx/no.png dog\ndog dog\ny.png dog\n",
         "not there: 'no.png' (line 2), 'x/no.png' (line 3), 'dog' (line 4) and 1 more"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_one_line(pets, text, message):
    assert message in failure(write(pets, text))


def test_a_missing_list_names_its_neighbours(pets):
    write(pets, "cat/0.png cat\n")
    assert f"Did you mean '{pets / 'train.txt'}'" in failure(pets / "trian.txt")


def test_classes_with_one_name_are_refused(pets):
    write(pets, "cat\ncat\n", "classes.txt")
    assert "has 'cat' twice" in failure(write(pets, "cat/0.png 0\ndog/0.png 1\n"))


def test_data_given_by_path_or_by_the_name_of_a_file_here_is_opened_as_a_list(pets, monkeypatch):
    path = write(pets, "cat/0.png cat\ndog/0.png dog\n")
    monkeypatch.chdir(pets)
    for given_as in (str(path), path, "train.txt", "./train.txt"):
        assert len(open_data(given_as).train) == 2
    with pytest.raises(DataError, match=r"no list file 'trian\.txt'"):
        open_data("trian.txt")
    (pets / "odd.txt").mkdir()
    with pytest.raises(DataError, match="holds no pictures"):
        open_data("odd.txt")


def test_a_second_list_is_the_validation_set_with_the_same_classes(pets):
    write(pets, "cat\ndog\n", "classes.txt")
    train = open_list(write(pets, "dog/0.png 1\ncat/0.png 0\n"))
    both = with_val_list(train, write(pets, "cat/1.png cat\nmy dog.png dog\n", "val.txt"))
    assert (both.classes, both.val.labels.tolist()) == (("cat", "dog"), [0, 1])
    numbered = with_val_list(train, write(pets, "my dog.png 1\n", "val.txt"))
    assert numbered.val.labels.tolist() == [1]
    assert with_validation(numbered, 0.5).val is numbered.val
    assert train.val is None


def test_a_validation_label_that_train_lacks_is_told_with_its_line(pets):
    train = open_list(write(pets, "dog/0.png dog\ncat/0.png cat\n"))
    with pytest.raises(DataError) as caught:
        with_val_list(train, write(pets, "# held out\ncat/1.png cats\n", "val.txt"))
    assert "val.txt, line 2: 'cats' is no class of pets" in str(caught.value)
    assert "Did you mean 'cat'?" in str(caught.value)


# A name that a disk takes and a line can hold: no separators, no line end, no tab; a space neither first nor last.
odd_names = st.text(st.characters(codec="utf-8", exclude_characters="/\0\n\r\t"), min_size=1, max_size=40).filter(
    lambda name: name.strip(" ") == name and name not in (".", "..") and len(name.encode()) <= 200
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.dictionaries(odd_names, odd_names, min_size=2, max_size=5))
def test_odd_names_come_back_as_they_were_written(tmp_path, entries):
    folder = tmp_path / "pictures"
    folder.mkdir(exist_ok=True)
    for name in entries:
        (folder / name).touch()
    lines = [f"./pictures/{name}\t{label}\n" for name, label in entries.items()]
    other = f"./pictures/{name}\tno number, and a second class\n"
    splits = open_list(write(tmp_path, "".join([*lines, other])))
    found = zip(names(splits.train), (splits.classes[label] for label in splits.train.labels), strict=True)
    assert list(found)[:-1] == list(entries.items())
