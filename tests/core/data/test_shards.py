"""WebDataset shards as others write them: patterns, labels, classes, splits and addresses."""

from __future__ import annotations

import io
import json
import tarfile
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from PIL import Image

from cvp_core.data import open_data
from cvp_core.data.shard_names import expand
from cvp_core.data.shards import open_shards
from cvp_core.errors import DataError, MachineError


def jpeg(shade: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (shade, 0, 0)).save(buffer, "JPEG")
    return buffer.getvalue()


def shard(path: Path, **members: bytes | str | int) -> Path:
    """A tar of members; "__" in a name stands for a dot."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, content in members.items():
            content = content if isinstance(content, bytes) else str(content).encode()
            member = tarfile.TarInfo(name.replace("__", "."))
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """train-000000.tar to train-000002.tar with a 0 and a 1 each, and val-000000.tar with a 1."""
    folder = tmp_path / "shards"
    for number in range(3):
        shard(
            folder / f"train-{number:06d}.tar",
            a__jpg=jpeg(10 * number), a__cls=0, b__jpg=jpeg(200), b__cls=1,
        )  # fmt: skip
    shard(folder / "val-000000.tar", a__jpg=jpeg(), a__cls=1)
    return folder


def failure(given) -> str:
    with pytest.raises(DataError) as caught:
        open_shards(given)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "pattern, names",
    [
        ("s-{000008..000011}.tar", ["s-000008.tar", "s-000009.tar", "s-000010.tar", "s-000011.tar"]),
        ("s-{2..0}", ["s-2", "s-1", "s-0"]),
        ("{a,b}-{0..1}", ["a-0", "a-1", "b-0", "b-1"]),
        ("https://x.org/s-{0..1}.tar?key={x}", ["https://x.org/s-0.tar?key={x}", "https://x.org/s-1.tar?key={x}"]),
    ],
)
def test_braces_mean_what_a_shell_makes_of_them(tmp_path, monkeypatch, pattern, names):
    monkeypatch.chdir(tmp_path)
    for name in names:
        if "://" not in name:
            (tmp_path / name).touch()
    assert expand(pattern) == names


def test_a_folder_of_shards_is_a_data_set_with_the_splits_of_their_names(shards):
    splits = open_data(str(shards))
    assert (splits.classes, splits.name, splits.location) == (("0", "1"), "shards", str(shards))
    assert [len(splits.train), len(splits.val)] == [6, 1]
    assert splits.train.labels.tolist() == [0, 1] * 3
    assert splits.train.name(2) == f"{shards}/train-000001.tar/a.jpg"
    assert [splits.train.read(i).getpixel((0, 0))[0] for i in (0, 2, 4)] == [0, 10, 20]
    assert splits.val.labels.tolist() == [1]


@pytest.mark.parametrize("pattern, count", [("train-{000000..000001}.tar", 4), ("train-*.tar", 6), ("*-000001.tar", 2)])
def test_patterns_choose_shards(shards, monkeypatch, pattern, count):
    monkeypatch.chdir(shards)
    assert len(open_data(pattern).train) == count
    assert len(open_data(f"{shards}/{pattern}").train) == count


def test_shards_of_validation_alone_are_used_as_they_are_given(shards):
    shard(shards / "val-000001.tar", a__jpg=jpeg(), a__cls=0)
    assert len(open_data(f"{shards}/val-*.tar").train) == 2


def test_a_folders_name_says_the_split_where_the_files_do_not(tmp_path):
    for split in ("train", "val"):
        shard(tmp_path / "d" / split / "0.tar", a__jpg=jpeg(), a__cls="cat", b__jpg=jpeg(), b__cls="dog")
    splits = open_data(f"{tmp_path}/d/*/0.tar")
    assert [len(splits.train), len(splits.val)] == [2, 2]


def test_a_single_tar_with_labels_is_a_shard_and_one_without_is_an_archive(shards, tmp_path, pictures):
    splits = open_data(str(shards / "train-000000.tar"))
    assert (len(splits.train), splits.name) == (2, "train-000000")
    pictures(tmp_path / "pets", cat=2, dog=1)
    (tmp_path / "pets/cat/0.json").write_text('{"label": "cat"}')  # beside one of three
    (tmp_path / "pets/cat/1.json").write_text("no JSON")
    with tarfile.open(tmp_path / "pets.tar", "w") as archive:
        archive.add(tmp_path / "pets", "pets")
    assert open_data(str(tmp_path / "pets.tar")).classes == ("cat", "dog")


def test_a_folder_of_class_folders_with_a_tar_beside_them_is_a_folder(tmp_path, pictures, shards):
    folder = pictures(tmp_path / "pets", cat=1, dog=1)
    (shards / "val-000000.tar").rename(folder / "backup.tar")
    assert open_data(str(folder)).classes == ("cat", "dog")


@pytest.mark.parametrize(
    "name, label, expected",
    [
        ("cls", "cat", "cat"), ("cls", " dog\n", "dog"), ("cls", "2", "cow"), ("json", {"label": 1}, "dog"),
        ("json", {"class": "cat", "target": 7}, "cat"), ("json", {"cls": "1"}, "dog"),
        ("json", "dog", "dog"), ("json", 2, "cow"),
    ],
)  # fmt: skip
def test_labels_are_names_or_numbers_of_classes_in_cls_or_json(tmp_path, name, label, expected):
    (tmp_path / "classes.txt").write_text("cat\ndog\ncow\n")
    text = json.dumps(label) if name == "json" else label
    path = shard(tmp_path / "train-0.tar", x__jpg=jpeg(), x__cls="cat", y__jpg=jpeg(), **{f"y__{name}": text})
    splits = open_data(str(path))
    assert splits.classes == ("cat", "dog", "cow")
    assert splits.classes[splits.train.labels[1]] == expected


def test_a_json_beside_the_shards_names_classes_and_data_set(shards):
    (shards / "dataset-info.json").write_text(json.dumps({"classes": ["cat", "dog"], "name": "pets"}))
    splits = open_data(str(shards))
    assert (splits.classes, splits.name) == (("cat", "dog"), "pets")


def test_of_several_pictures_of_a_sample_the_plain_one_is_meant_and_other_files_are_left(tmp_path):
    path = shard(
        tmp_path / "train-0.tar",
        **{"in/x__mask__png": b"no", "in/x__JPG": jpeg(77), "in/x__txt": "a cat", "in/x__cls": "cat", "x__cls": "cat"},
        **{"y__seg__jpg": jpeg(78), "y__cls": "dog", ".hidden__jpg": jpeg(), "z__txt": "no picture"},
    )
    splits = open_data(str(path))
    assert [splits.train.name(i) for i in range(2)] == [f"{path}/in/x.JPG", f"{path}/y.seg.jpg"]
    assert any("2 samples without a picture" in note for note in splits.notes)


@pytest.mark.parametrize(
    "members, message",
    [
        ({"a__jpg": b"x", "a__cls": 0, "b__jpg": b"x"}, "train-0.tar: 'b.jpg' has no label; expected a file"),
        ({"a__jpg": b"x", "a__cls": b"\xff"}, "train-0.tar: 'a.cls' is no label: it must be short text"),
        ({"a__jpg": b"x", "a__json": "{"}, "train-0.tar: 'a.jpg' has no label"),
        ({"a__jpg": b"x", "a__json": '{"label": true}'}, "train-0.tar: 'a.jpg' has no label"),
        ({"a__jpg": b"x", "a__cls": "x" * 2_000_000}, "'a.cls' is no label: it must be short text"),
        ({"a__jpg": b"x", "a__cls": 2}, "'a.jpg' has the label '2'; "),
        ({"a__jpg": b"x", "a__cls": "cow"}, "names 2 classes, 0 to 1: 'cat', 'dog'"),
        ({"a__cls": "cat"}, "has no samples to train on"),
    ],
)
def test_what_is_wrong_with_a_sample_is_told_by_its_name(tmp_path, members, message):
    shard(tmp_path / "train-0.tar", **members)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    assert message in failure(tmp_path)


def test_missing_shards_are_told(shards):
    assert "no shard" in failure(f"{shards}/train-{{000000..000003}}.tar")
    assert "train-000003.tar', of '" in failure(f"{shards}/train-{{000000..000003}}.tar")
    assert "no shard" in failure(f"{shards}/none-*.tar")
    (shards / "dataset-info.json").write_text(
        json.dumps({"classes": ["cat", "dog"], "shards": {f"train-{n:06d}.tar": 2 for n in range(5)}})
    )
    assert "counts 5 shards, and 2 are not there: 'train-000003.tar', 'train-000004.tar'" in failure(shards)


def test_a_shard_with_another_number_of_samples_than_is_counted_is_told(shards):
    (shards / "dataset-info.json").write_text(json.dumps({"classes": ["a", "b"], "shards": {"train-000001.tar": 3}}))
    assert "train-000001.tar has 2 samples where 3 are counted" in failure(shards)
    (shards / "dataset-info.json").write_text("[]")
    assert "names no classes" in failure(shards)


def test_a_validation_class_that_train_lacks_is_told(shards):
    shard(shards / "val-000001.tar", a__jpg=jpeg(), a__cls=7)
    assert "val-000001.tar has '7', which the training shards lack" in failure(shards)


class Quiet(SimpleHTTPRequestHandler):
    asked: list[str]

    def do_GET(self):
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def address(shards):
    Quiet.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=shards)) as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_shards_of_a_url_are_fetched_once_with_their_classes(shards, address, tmp_path):
    (shards / "dataset-info.json").write_text(json.dumps({"classes": ["cat", "dog"], "name": "pets"}))
    for _ in range(2):
        splits = open_data(f"{address}/train-{{000000..000002}}.tar")
        assert (splits.classes, len(splits.train), splits.name) == (("cat", "dog"), 6, "pets")
        assert splits.train.read(4).size == (8, 6)
        assert str(tmp_path / "cache/shards") in splits.notes[0]
    assert sorted(Quiet.asked) == ["/dataset-info.json", *(f"/train-{n:06d}.tar" for n in range(3))]


def test_a_url_without_shard_is_told(address):
    with pytest.raises(MachineError, match=r"cannot download train-000009\.tar: .* answers 404"):
        open_data(f"{address}/train-000009.tar")


def test_stores_that_fsspec_knows_are_read_by_it(shards, tmp_path):
    store = pytest.importorskip("fsspec").filesystem("memory")
    for path in shards.iterdir():
        store.pipe(f"/bucket/{path.name}", path.read_bytes())
    store.pipe("/bucket/classes.txt", b"cat\ndog\n")
    splits = open_data("memory://bucket/train-{000000..000001}.tar")
    assert (splits.classes, len(splits.train)) == (("cat", "dog"), 4)
    store.rm("/bucket", recursive=True)
    assert splits.train.read(3).size == (8, 6)
    assert len(open_data("memory://bucket/train-{000000..000001}.tar").train) == 4
    with pytest.raises(MachineError, match=r"cannot fetch memory://bucket/train-000002\.tar"):
        open_data("memory://bucket/train-{000000..000002}.tar")
    with pytest.raises(MachineError, match="cannot fetch nowhere://"):
        open_data("nowhere://bucket/train-0.tar")
    assert not list((tmp_path / "cache/shards").rglob("*.part"))
