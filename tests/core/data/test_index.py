"""The index of a folder: it spares reading what has not changed, and is never seen in what is found."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cvp_core.data import DataSplits, open_folder

YESTERDAY = 1_700_000_000

pytestmark = pytest.mark.usefixtures("indices_of_any_size")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """d/cat/a.png, d/cat/b.png, d/cat/deep/c.png and d/dog/a.png, not touched since yesterday."""
    for name in ("cat/a.png", "cat/b.png", "cat/deep/c.png", "dog/a.png", "dog/notes.txt", "dog/.hidden.png"):
        file = tmp_path / "d" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return aged(tmp_path / "d")


def aged(root: Path) -> Path:
    """The same, as if nothing in it had been touched since yesterday."""
    for folder, _, _ in os.walk(root):
        os.utime(folder, (YESTERDAY, YESTERDAY))
    return root


def samples(splits: DataSplits) -> list[tuple[str, str]]:
    images = splits.train
    return [(images.path(i), splits.classes[label]) for i, label in enumerate(images.labels.tolist())]


def expected(root: Path) -> list[tuple[str, str]]:
    """What pathlib finds: each picture with the class folder that it lies in, a folder's own before those below."""
    found = [path.relative_to(root) for path in root.rglob("*.png") if not path.name.startswith(".")]
    return [(str(root / path), path.parts[0]) for path in sorted(found, key=lambda path: (path.parent.parts, path))]


def test_what_has_not_changed_is_not_read_again(data: Path, reads: list[str]) -> None:
    first = open_folder(data)
    assert sorted(reads) == ["cat", "d", "deep", "dog"]
    reads.clear()
    again = open_folder(data)
    assert reads == []
    assert samples(first) == samples(again) == expected(data)
    assert (first.classes, first.notes, first.name) == (again.classes, again.notes, again.name)


def add_picture(root: Path) -> None:
    (root / "dog" / "0.png").touch()


def remove_picture(root: Path) -> None:
    (root / "cat" / "a.png").unlink()


def rename_picture(root: Path) -> None:
    (root / "cat" / "a.png").rename(root / "cat" / "z.png")


def rename_class(root: Path) -> None:
    (root / "cat").rename(root / "tiger")


def rename_folder_in_class(root: Path) -> None:
    (root / "cat" / "deep").rename(root / "cat" / "deeper")


def add_class(root: Path) -> None:
    (root / "cow").mkdir()
    (root / "cow" / "a.png").touch()


def swap_classes(root: Path) -> None:
    for source, target in (("cat", "x"), ("dog", "cat"), ("x", "dog")):
        (root / source).rename(root / target)
    os.utime(root, (YESTERDAY, YESTERDAY))


def add_picture_as_tar_does(root: Path) -> None:
    (root / "cat" / "new.png").touch()
    os.utime(root / "cat", (YESTERDAY, YESTERDAY))


@pytest.mark.parametrize(
    "change, read",
    [
        (add_picture, {"dog"}),
        (remove_picture, {"cat"}),
        (rename_picture, {"cat"}),
        (rename_class, {"d", "tiger", "deep"}),
        (rename_folder_in_class, {"cat", "deeper"}),
        (add_class, {"d", "cow"}),
        (swap_classes, {"d", "cat", "dog", "deep"}),
        (add_picture_as_tar_does, {"cat"}),
    ],
)
def test_a_change_is_seen_and_only_where_it_is_the_disk_is_read(
    data: Path, reads: list[str], change: Callable[[Path], None], read: set[str]
) -> None:
    open_folder(data)
    change(data)
    reads.clear()
    assert samples(open_folder(data)) == expected(data)
    assert set(reads) == read


def test_a_folder_that_was_just_changed_is_read_until_it_has_settled(data: Path, reads: list[str]) -> None:
    (data / "dog" / "b.png").touch()
    open_folder(data)
    reads.clear()
    open_folder(data)
    assert reads == ["dog"]
    aged(data)
    open_folder(data)
    reads.clear()
    open_folder(data)
    assert reads == []


def test_a_link_that_led_nowhere_is_looked_at_again(data: Path, tmp_path: Path) -> None:
    (data / "cat" / "later.png").symlink_to(tmp_path / "later.png")
    (data / "dog" / "later").symlink_to(tmp_path / "more")
    open_folder(aged(data))
    (tmp_path / "later.png").touch()
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "z.png").touch()
    found = [os.path.relpath(path, data) for path, _ in samples(open_folder(data))]
    assert found == ["cat/a.png", "cat/b.png", "cat/later.png", "cat/deep/c.png", "dog/a.png", "dog/later/z.png"]


def test_a_linked_folder_that_has_gone_or_changed_is_seen(data: Path, tmp_path: Path) -> None:
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "a.png").touch()
    (data / "fox").symlink_to(tmp_path / "away")
    open_folder(aged(data))
    (tmp_path / "away" / "b.png").touch()
    assert [name[-9:] for name, label in samples(open_folder(data)) if label == "fox"] == ["fox/a.png", "fox/b.png"]
    (tmp_path / "away").rename(tmp_path / "elsewhere")
    assert open_folder(data).classes == ("cat", "dog")


def test_links_in_circles_end_also_by_the_index(data: Path, reads: list[str]) -> None:
    for link, target in (
        ("cat/up", ".."),
        ("cat/here", "."),
        ("cat/self", "self"),
        ("loop", "."),
        ("dog/far", "../.."),
    ):
        (data / link).symlink_to(target)
    first = samples(open_folder(aged(data)))
    assert first == samples(open_folder(data)) == expected(data)


@pytest.mark.skipif(os.name == "nt", reason="Windows' names are Unicode")
def test_names_that_are_no_unicode_come_back_as_they_are(data: Path) -> None:
    for name in (b"\xff\xfe.png", "ñandú 鸟.png".encode(), b"new\nline.png", b".png.png", b"\xed\xb3\xbf.png"):
        Path(os.fsdecode(os.fsencode(data / "dog") + b"/" + name)).touch()
    first = open_folder(aged(data))
    again = open_folder(data)
    assert samples(first) == samples(again)
    assert sorted(os.path.basename(path) for path, label in samples(again) if label == "dog") == sorted(
        name for name in os.listdir(data / "dog") if name.endswith(".png") and not name.startswith(".")
    )


def test_train_val_and_test_come_from_the_index_too(data: Path, tmp_path: Path, reads: list[str]) -> None:
    root = tmp_path / "parts"
    root.mkdir()
    data.rename(root / "train")
    for file in ("val/cat/v.png", "val/flat.png", "test/dog/t.png", "other/x.png"):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    first, again = (open_folder(root) for root in (aged(root), root))
    assert len(reads) == len(set(reads)) + 2  # cat and dog are of two splits each
    assert first.notes == again.notes
    assert len(first.notes) == 5
    for name in ("train", "val", "test"):
        pair = [getattr(splits, name) for splits in (first, again)]
        assert [images.path(0) for images in pair] == [str(root / name / {"train": "cat/a.png", "val": "cat/v.png",
                                                                        "test": "dog/t.png"}[name])] * 2  # fmt: skip
        assert pair[0].labels.tolist() == pair[1].labels.tolist()


def test_paths_are_spelt_as_the_folder_was_given(data: Path, reads: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    open_folder(data)
    reads.clear()
    monkeypatch.chdir(data.parent)
    assert open_folder("d").train.path(0) == "d/cat/a.png"
    monkeypatch.chdir(data)
    assert open_folder(".").train.path(3) == "dog/a.png"
    assert reads == []
