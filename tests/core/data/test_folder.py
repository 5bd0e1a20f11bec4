"""Folders as people have them: what is found in them, and the one line that says what is wrong with them."""

from __future__ import annotations

import os
import unicodedata

import pytest
from PIL import Image

from cvp_core.data import open_folder
from cvp_core.errors import DataError


def names(images) -> list[str]:
    return [os.path.basename(images.name(i)) for i in range(len(images))]


def failure(path) -> str:
    with pytest.raises(DataError) as caught:
        open_folder(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_class_folders_are_sorted_and_counted(tmp_path, pictures):
    splits = open_folder(pictures(tmp_path / "pets", dog=2, cat=3))
    assert splits.classes == ("cat", "dog")
    assert splits.train.labels.tolist() == [0, 0, 0, 1, 1]
    assert (splits.val, splits.test, splits.image_size, splits.synthetic) == (None, None, None, False)
    assert (splits.name, splits.location, splits.notes) == ("pets", str(tmp_path / "pets"), ())


def test_nested_files_count_and_hidden_and_foreign_ones_do_not(tmp_path, pictures):
    pictures(tmp_path, cat=1, dog=1)
    picture = tmp_path / "cat" / "0.png"
    for copy in (
        "cat/deep/er/x.JPG",
        ".hidden/x.png",
        "cat/._x.png",
        "cat/.thumbs/x.png",
        "__MACOSX/cat/x.png",
    ):
        (tmp_path / copy).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / copy).write_bytes(picture.read_bytes())
    (tmp_path / "cat" / "notes.txt").touch()
    (tmp_path / "labels.csv").touch()
    (tmp_path / "cat" / "folder.png").mkdir()
    splits = open_folder(tmp_path)
    assert splits.classes == ("cat", "dog")
    assert names(splits.train) == ["0.png", "x.JPG", "0.png"]


@pytest.mark.parametrize("train, val, test", [("train", "val", "test"), ("Training", "VALID", "Testing"),
                                              ("TRAIN", "validation", "test")])  # fmt: skip
def test_split_folders_are_known_by_their_aliases(tmp_path, pictures, train, val, test):
    pictures(tmp_path / train, cat=3, dog=3)
    pictures(tmp_path / val, cat=2, dog=1)
    pictures(tmp_path / test, dog=1)
    splits = open_folder(tmp_path)
    assert [len(images) for images in (splits.train, splits.val, splits.test)] == [6, 3, 1]
    assert splits.test.labels.tolist() == [1]
    assert len(splits.notes) == 1
    assert "no pictures of 'cat'" in splits.notes[0]


def test_train_alone_is_a_split_folder_and_others_beside_it_are_told(tmp_path, pictures):
    pictures(tmp_path / "train", cat=2, dog=2)
    pictures(tmp_path, masks=1)
    splits = open_folder(tmp_path)
    assert splits.classes == ("cat", "dog")
    assert "'masks'" in splits.notes[0]


def test_train_without_class_folders_is_a_class_like_any_other(tmp_path, pictures):
    assert open_folder(pictures(tmp_path, train=2, bus=2)).classes == ("bus", "train")


def test_train_and_test_without_class_folders_are_not_taken_for_classes(tmp_path, pictures):
    assert "no class folders to train on; arrange them as" in failure(pictures(tmp_path, train=2, test=2))
    (tmp_path / "train" / "README.txt").touch()
    assert "Or give" not in failure(tmp_path)
    table = tmp_path / "train" / "metadata.csv"
    table.touch()
    assert failure(tmp_path).endswith(f". Or give the file that names their classes, such as {table}")


def test_a_flat_test_folder_is_ignored_and_told(tmp_path, pictures):
    pictures(tmp_path / "train", cat=2, dog=2)
    pictures(tmp_path, test=3)
    splits = open_folder(tmp_path)
    assert splits.test is None
    assert "test/ has no class folders" in splits.notes[0]


def test_class_names_in_any_script(tmp_path, pictures):
    splits = open_folder(pictures(tmp_path, 鸟=1, кошка=1, ñandú=1))
    assert splits.classes == tuple(sorted(("鸟", "кошка", "ñandú")))


def test_a_class_spelt_as_macos_does_is_the_same_class(tmp_path, pictures):
    composed, decomposed = "é", unicodedata.normalize("NFD", "é")
    pictures(tmp_path / "train", **{composed: 2, "a": 2})
    (tmp_path / "val").mkdir()
    os.rename(pictures(tmp_path / "x", y=1) / "y", tmp_path / "val" / decomposed)
    (tmp_path / "x").rmdir()
    splits = open_folder(tmp_path)
    assert splits.classes == ("a", "é")
    assert splits.val.labels.tolist() == [1]


def test_a_single_picture_of_a_class_is_a_note(tmp_path, pictures):
    splits = open_folder(pictures(tmp_path, cat=1, dog=4))
    assert splits.notes == (f"'{tmp_path}' has a single picture of 'cat'",)


def test_pictures_beside_the_class_folders_are_told(tmp_path, pictures):
    pictures(tmp_path, cat=2, dog=2)
    Image.new("L", (2, 2)).save(tmp_path / "flat.png")
    assert open_folder(tmp_path).notes == (f"pictures beside the class folders of '{tmp_path}' are ignored: 1",)


@pytest.mark.parametrize(
    "link, target",
    [
        ("cat/up", ".."),
        ("cat/far", "../.."),
        ("cat/here", "."),
        ("cat/self", "self"),
        ("loop", "."),
        ("gone", "nowhere"),
    ],
)
def test_links_in_circles_end_and_add_nothing(tmp_path, pictures, link, target):
    root = pictures(tmp_path / "d", cat=2, dog=2)
    (root / link).symlink_to(target)
    splits = open_folder(root)
    assert splits.classes == ("cat", "dog")
    assert names(splits.train) == ["0.png", "1.png"] * 2


def test_linked_class_folders_and_pictures_are_followed(tmp_path, pictures):
    elsewhere = pictures(tmp_path / "elsewhere", cat=2, dog=2)
    (tmp_path / "d" / "dog").mkdir(parents=True)
    (tmp_path / "d" / "cat").symlink_to(elsewhere / "cat")
    (tmp_path / "d" / "dog" / "a.png").symlink_to(elsewhere / "dog" / "0.png")
    assert names(open_folder(tmp_path / "d").train) == ["0.png", "1.png", "a.png"]


def test_missing_folder_names_near_folders_and_data_sets(tmp_path, pictures):
    pictures(tmp_path / "pets", cat=1, dog=1)
    message = failure(tmp_path / "pest")
    assert f"no folder '{tmp_path / 'pest'}'" in message
    assert f"Did you mean '{tmp_path / 'pets'}'" in message
    assert "'cifar10'" in failure(tmp_path / "cifar-10")


def test_a_file_is_not_a_folder(tmp_path):
    (tmp_path / "a.jpg").touch()
    assert "is a file" in failure(tmp_path / "a.jpg")


def test_flat_pictures_are_to_be_arranged(tmp_path):
    Image.new("L", (2, 2)).save(tmp_path / "a.png")
    assert f"arrange them as {tmp_path}/CLASS/picture.jpg" in failure(tmp_path)


def test_a_folder_without_pictures_says_so(tmp_path):
    assert "holds no pictures" in failure(tmp_path)
    (tmp_path / "a").mkdir()
    assert "holds no pictures" in failure(tmp_path)


def test_an_empty_class_folder_is_named(tmp_path, pictures):
    (pictures(tmp_path, cat=1, dog=1) / "cow").mkdir()
    message = failure(tmp_path)
    assert "without pictures: 'cow'" in message
    assert "remove" in message
    assert "add pictures" in message


def test_one_class_is_not_enough(tmp_path, pictures):
    assert "has one class, 'cat'; at least two" in failure(pictures(tmp_path, cat=3))


def test_a_class_of_validation_must_be_one_of_train(tmp_path, pictures):
    pictures(tmp_path / "train", cat=2, dog=2)
    pictures(tmp_path / "val", cat=1, cow=1)
    assert "has 'cow', which the train folder lacks" in failure(tmp_path)


def test_two_folders_of_one_role_are_ambiguous(tmp_path, pictures):
    pictures(tmp_path / "train", cat=2, dog=2)
    pictures(tmp_path / "val", cat=1)
    pictures(tmp_path / "valid", cat=1)
    assert "'val', 'valid', which all mean val; keep one" in failure(tmp_path)


def test_home_is_expanded(tmp_path, pictures, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    pictures(tmp_path / "pets", cat=1, dog=1)
    assert open_folder("~/pets").location == str(tmp_path / "pets")
