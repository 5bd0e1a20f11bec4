"""Archives of class folders as people pack them: what is found in them and where their pictures are read."""

from __future__ import annotations

import os
import shutil
import tarfile
import unicodedata
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cvp_core.data import open_data, tars
from cvp_core.data.archive import open_archive
from cvp_core.data.class_folders import split_called
from cvp_core.errors import DataError


def pack(folder: Path, kind: str, top: str = "") -> Path:
    """An archive of what is in a folder, with `top` before each name."""
    target = folder.with_name(f"{folder.name}.{kind}")
    inside = sorted(folder.rglob("*"))
    if kind == "zip":
        with zipfile.ZipFile(target, "w") as archive:
            for path in inside:
                archive.write(path, top + str(path.relative_to(folder)))
    else:
        with tarfile.open(target, "w" if kind == "tar" else f"w:{kind[4:]}") as archive:
            for path in inside:
                archive.add(path, top + str(path.relative_to(folder)), recursive=False)
    return target


def failure(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        open_archive(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


both = pytest.mark.parametrize("kind", ["zip", "tar"])


@both
@pytest.mark.parametrize("top", ["", "./", "pets-1.0/", "./pets-1.0/"])
def test_a_single_folder_at_the_top_is_looked_through(tmp_path, pictures, kind, top):
    splits = open_archive(pack(pictures(tmp_path / "pets", dog=2, cat=3), kind, top))
    assert splits.classes == ("cat", "dog")
    assert splits.train.labels.tolist() == [0, 0, 0, 1, 1]
    assert (splits.name, splits.location, splits.notes) == ("pets", str(tmp_path / f"pets.{kind}"), ())
    assert splits.train.name(3) == f"{tmp_path}/pets.{kind}/{top.removeprefix('./')}dog/0.png"


@both
@pytest.mark.parametrize("top", ["", "all/"])
def test_split_folders_are_those_of_a_folder(tmp_path, pictures, kind, top):
    pictures(tmp_path / "pets/Training", cat=3, dog=3)
    pictures(tmp_path / "pets/val", cat=2, dog=1)
    pictures(tmp_path / "pets/test", dog=1)
    (tmp_path / "pets/masks/x").mkdir(parents=True)
    splits = open_archive(pack(tmp_path / "pets", kind, top))
    assert [len(images) for images in (splits.train, splits.val, splits.test)] == [6, 3, 1]
    assert splits.test.labels.tolist() == [1]
    assert "folders beside Training/ are ignored: 'masks'" in splits.notes[-1]


@both
def test_a_split_alone_is_not_looked_through(tmp_path, pictures, kind):
    pictures(tmp_path / "pets/train", cat=2, dog=2)
    assert open_archive(pack(tmp_path / "pets", kind)).classes == ("cat", "dog")
    (tmp_path / "pets/train").rename(tmp_path / "pets/test")
    assert "no class folders to train on" in failure(pack(tmp_path / "pets", kind))


@both
def test_what_a_folder_would_be_refused_for_is_told_of_an_archive(tmp_path, pictures, kind):
    folder = pictures(tmp_path / "pets", cat=1, dog=1)
    (folder / "cow").mkdir()
    assert f"'{folder}.{kind}' has class folders without pictures: 'cow'" in failure(pack(folder, kind))
    (folder / "cow").rmdir()
    shutil.rmtree(folder / "dog")
    assert "has one class, 'cat'" in failure(pack(folder, kind))
    (folder / "cat/0.png").rename(folder / "0.png")
    (folder / "cat").rmdir()
    assert f"holds pictures, but no class folders; arrange them as {folder}.{kind}/CLASS" in failure(pack(folder, kind))


@both
def test_hidden_and_foreign_files_do_not_count(tmp_path, pictures, kind):
    folder = pictures(tmp_path / "pets", cat=2, dog=2)
    copies = ["__MACOSX/cat/._0.png", "cat/.thumbs/x.png", ".git/x.png", "cat/notes.txt", "README.md"]
    for copy in (*copies, *(f"{name}/x.png" for name in FOREIGN)):
        (folder / copy).parent.mkdir(parents=True, exist_ok=True)
        (folder / copy).write_bytes(b"x")
    splits = open_archive(pack(folder, kind))
    assert (splits.classes, len(splits.train), splits.notes) == (("cat", "dog"), 4, ())


@both
def test_a_class_spelt_in_two_ways_is_told(tmp_path, pictures, kind):
    folder = pictures(tmp_path / "pets", **{"é": 1, unicodedata.normalize("NFD", "é"): 1})
    assert "two folders that read 'é'" in failure(pack(folder, kind))


@both
def test_of_members_with_one_name_the_last_counts_as_it_does_when_unpacking(tmp_path, pictures, kind):
    folder = pictures(tmp_path / "pets", cat=1, dog=1)
    target = pack(folder, kind)
    last = (folder / "dog/0.png").read_bytes()
    (folder / "cat/0.png").write_bytes(last)
    with zipfile.ZipFile(target, "a") if kind == "zip" else tarfile.open(target, "a") as archive:
        if kind == "zip":
            with pytest.warns(UserWarning, match="Duplicate name"):
                archive.write(folder / "cat/0.png", "cat/0.png")
        else:
            archive.add(folder / "cat/0.png", "cat/0.png")
    images = open_archive(target).train
    assert len(images) == 2
    assert images.content(0) == last


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_nothing_is_unpacked(tmp_path, pictures, kind):
    images = open_archive(pack(pictures(tmp_path / "pets", cat=2, dog=2), kind)).train
    images.read(0)
    assert not (tmp_path / "cache").exists()


def test_threads_read_what_one_reads(tmp_path, pictures):
    folder = pictures(tmp_path / "pets", cat=40, dog=40)
    for kind in ("zip", "tar"):
        images = open_archive(pack(folder, kind)).train
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(images.content, range(80))) == [images.content(index) for index in range(80)]


@both
def test_an_archive_that_changes_while_it_is_read_is_told(tmp_path, pictures, kind):
    path = pack(pictures(tmp_path / "pets", cat=2, dog=2), kind)
    images = open_archive(path).train
    os.utime(path, ns=(1, 1))
    with pytest.raises(DataError, match=r"cat/0\.png: .* has changed since it was opened"):
        images.read(0)
    path.unlink()
    with pytest.raises(DataError, match="cannot be read: No such file"):
        images.read(0)


def test_a_large_tars_index_is_kept_until_the_tar_changes(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(tars, "_WORTH", 1)
    folder = pictures(tmp_path / "pets", cat=2, dog=2)
    path = pack(folder, "tar", "pets/")
    first = open_archive(path)
    (kept,) = (tmp_path / "cache/indices").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr(tars, "_read_headers", None)
        again = open_archive(path)
    assert [again.train.name(index) for index in range(4)] == [first.train.name(index) for index in range(4)]
    assert again.train.content(3) == first.train.content(3)
    kept.write_bytes(b"damaged")
    assert len(open_archive(path).train) == 4
    with monkeypatch.context() as patch:
        patch.setattr(tars, "_read_headers", None)
        assert len(open_archive(path).train) == 4
    pictures(folder, cow=1)
    assert open_archive(pack(folder, "tar", "pets/")).classes == ("cat", "cow", "dog")
    assert len(list((tmp_path / "cache/indices").iterdir())) == 1


def test_a_compressed_tar_is_unpacked_once_and_told(tmp_path, pictures, monkeypatch):
    folder = pictures(tmp_path / "pets", cat=2, dog=2)
    path = pack(folder, "tar.gz")
    first = open_archive(path)
    (kept,) = (tmp_path / "cache/archives").iterdir()
    assert str(kept) in first.notes[0]
    before, stamps = kept.stat(), [first.train.stamp(index) for index in range(4)]
    assert open_archive(path).train.content(0) == (folder / "cat/0.png").read_bytes()
    assert kept.stat().st_ino == before.st_ino
    kept.unlink()
    assert [open_archive(path).train.stamp(index) for index in range(4)] == stamps
    os.utime(path, ns=(1, 1))
    open_archive(path)
    assert len(list(kept.parent.iterdir())) == 1


def test_data_that_ends_as_an_archive_is_one(tmp_path, pictures, monkeypatch):
    pack(pictures(tmp_path / "pets", cat=1, dog=1), "zip")
    monkeypatch.chdir(tmp_path)
    assert len(open_data("pets.zip").train) == 2
    with pytest.raises(DataError, match=r"no archive 'pest\.zip'\. Did you mean 'pets\.zip'"):
        open_data("pest.zip")


# Names that both kinds of archive take: no separators, nothing hidden, and no backslash, which zip may mean as one. And
# that stand for nothing else: hypothesis takes words out of our source too, such as __pycache__.
FOREIGN = ("__MACOSX", "__pycache__", "@eaDir", "$RECYCLE.BIN", "System Volume Information")
names = st.text(st.characters(codec="utf-8", exclude_characters="/\0\\"), min_size=1, max_size=40).filter(
    lambda name: (
        not name.startswith(".")
        and len(name.encode()) <= 200
        and name == unicodedata.normalize("NFC", name)
        and name not in FOREIGN
        and split_called(name) is None
    )
)


@both
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=st.dictionaries(names, names, min_size=2, max_size=5))
def test_names_in_any_script_come_back_as_they_were_packed(tmp_path, kind, found):
    path = tmp_path / f"odd.{kind}"
    inside = [f"top/{label}/{name}.png" for label, name in found.items()]
    with zipfile.ZipFile(path, "w") if kind == "zip" else tarfile.open(path, "w") as archive:
        for name in inside:
            archive.writestr(name, b"x") if kind == "zip" else archive.addfile(tarfile.TarInfo(name))
    splits = open_archive(path)
    assert splits.classes == tuple(sorted(found))
    assert sorted(splits.train.name(index) for index in range(len(inside))) == sorted(f"{path}/{n}" for n in inside)
