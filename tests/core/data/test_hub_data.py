"""Data sets of the hub by name, from a server on this machine that huggingface_hub itself talks to."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_hub import Hub, serving
from PIL import Image

from cvp_core.data import DataSplits, open_data
from cvp_core.download import OFFLINE
from cvp_core.errors import ConfigError, DataError, MachineError, NotInstalledError

FEATURES = {"image": {"_type": "Image"}, "label": {"names": ["ant", "bee"], "_type": "ClassLabel"}}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with serving() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
        yield running


def picture(seed: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 6 + seed), (10 * seed, 0, 0)).save(file, "PNG")
    return file.getvalue()


def table(labels: list[int], features: Any = FEATURES, column: str = "label", first: int = 0) -> bytes:
    """A .parquet as the hub's own library writes it, of a picture a label."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    images = [{"bytes": picture(first + row), "path": f"{row}.png"} for row in range(len(labels))]
    columns = pyarrow.table({"image": images, column: labels})
    if features:
        columns = columns.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    file = io.BytesIO()
    parquet.write_table(columns, file)
    return file.getvalue()


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/") + ".png", content)
    return file.getvalue()


def labels(splits: DataSplits) -> list[list[int]]:
    sets = (splits.train, splits.val, splits.test)
    return [images.labels.tolist() for images in sets if images is not None]


def failure(address: str, kind: type[Exception] = DataError) -> str:
    with pytest.raises(kind) as caught:
        open_data(address)
    assert "\n" not in str(caught.value)
    return str(caught.value)


SHARDS = {
    "data/train-00000-of-00002.parquet": table([0, 1]),
    "data/train-00001-of-00002.parquet": table([1], first=2),
    "data/validation-00000-of-00001.parquet": table([1, 0]),
    "data/test-00000-of-00001.parquet": table([-1, -1]),
    "data/unsupervised-00000-of-00001.parquet": b"never asked for",
    "README.md": b"# insects",
}


def test_shards_of_parquet_are_one_data_set_with_the_splits_of_their_names(hub: Hub) -> None:
    commit = hub.publish("me/insects", SHARDS)
    splits = open_data("hf://me/insects")
    assert (splits.name, splits.classes) == ("insects", ("ant", "bee"))
    assert labels(splits) == [[0, 1, 1], [1, 0]]
    assert splits.train.content(2) == picture(2)
    assert splits.location == f"hf://me/insects@{commit[:12]}"
    assert any("'unsupervised" in note or "data/unsupervised" in note for note in splits.notes)
    assert any("test-00000-of-00001.parquet has pictures without label (-1)" in note for note in splits.notes)


def test_what_is_here_is_used_without_a_network(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.publish("me/insects", SHARDS)
    monkeypatch.setenv(OFFLINE, "1")
    assert "hf://me/insects is not here, and $CVP_OFFLINE forbids" in failure("hf://me/insects", MachineError)
    monkeypatch.delenv(OFFLINE)
    open_data("hf://me/insects")
    hub.requests.clear()
    monkeypatch.setenv(OFFLINE, "1")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert labels(open_data("hf://me/insects")) == [[0, 1, 1], [1, 0]]
    assert hub.requests == []


def test_a_download_that_broke_off_is_continued_and_verified(hub: Hub) -> None:
    files = {"train.parquet": table([0, 1, 1, 0])}
    commit = hub.publish("me/insects", files)
    path = f"/datasets/me/insects/resolve/{commit}/train.parquet"
    hub.cuts[path] = 500
    assert "ended after 500 of" in failure("hf://me/insects", MachineError)
    hub.ranges.clear()
    assert labels(open_data("hf://me/insects")) == [[0, 1, 1, 0]]
    assert hub.ranges == ["bytes=500-"]


def test_a_file_that_is_not_the_listed_one_is_never_used(hub: Hub, tmp_path: Path) -> None:
    commit = hub.publish("me/insects", {"train.parquet": table([0, 1])})
    path = f"/datasets/me/insects/resolve/{commit}/train.parquet"
    hub.files[path] = table([1, 0])
    assert "is not the published one" in failure("hf://me/insects", MachineError)
    assert not list((tmp_path / "cache").rglob("*.parquet"))


def test_a_small_file_without_a_published_hash_has_its_size_at_least(hub: Hub) -> None:
    content = table([0, 1])
    commit = hub.publish("me/insects", {"train.parquet": content})
    listing = json.loads(hub.files["/api/datasets/me/insects/revision/main"])
    del listing["siblings"][0]["lfs"]
    hub.files["/api/datasets/me/insects/revision/main"] = json.dumps(listing).encode()
    hub.files[f"/datasets/me/insects/resolve/{commit}/train.parquet"] = content + b"x"
    assert f"arrived with another size than {len(content):,} bytes" in failure("hf://me/insects", MachineError)
    hub.files[f"/datasets/me/insects/resolve/{commit}/train.parquet"] = content
    assert labels(open_data("hf://me/insects")) == [[0, 1]]


def test_the_readme_names_numbers_configurations_and_their_files(hub: Hub) -> None:
    kind = {"class_label": {"names": {"1": "bee", "0": "ant"}}}
    files = {"a/one.parquet": table([0, 1], None), "b/two.parquet": table([1, 0, 1], None), "b/x.parquet": b"another"}
    configs = [
        {"config_name": "a", "data_files": "a/*.parquet"},
        {
            "config_name": "b",
            "data_files": [{"split": "train", "path": ["**/t?o.parquet"]}, {"split": "x", "path": "b/x*"}],
        },
    ]
    info = [
        {"config_name": name, "features": [{"name": "image", "dtype": "image"}, {"name": "label", "dtype": kind}]}
        for name in "ab"
    ]
    hub.publish("me/insects", files, configs=configs, dataset_info=info)
    assert labels(open_data("hf://me/insects/b")) == [[1, 0, 1]]
    splits = open_data("hf://me/insects/a")
    assert (splits.classes, labels(splits)) == (("ant", "bee"), [[0, 1]])
    assert "has 2 configurations; it has 'a', 'b', to be named as in hf://me/insects/a" in failure("hf://me/insects")
    assert "has no configuration 'c'; it has 'a', 'b'" in failure("hf://me/insects/c")


def test_folders_are_configurations_where_no_readme_says_so(hub: Hub) -> None:
    files = {
        "one/train/0.parquet": table([0, 1]),
        "two/train/0.parquet": table([1, 0]),
        "two/test/0.parquet": table([1]),
    }
    hub.publish("me/insects", files, revision="refs/convert/parquet")
    assert labels(open_data("hf://me/insects@refs/convert/parquet/two")) == [[1, 0], [1]]
    assert "has 2 configurations" in failure("hf://me/insects@refs/convert/parquet")


def test_a_revision_is_a_data_set_of_its_own(hub: Hub) -> None:
    hub.publish("me/insects", {"train.parquet": table([0, 1])})
    hub.publish("me/insects", {"train.parquet": table([0, 1, 1])}, revision="v2")
    assert labels(open_data("hf://me/insects@v2")) == [[0, 1, 1]]
    assert labels(open_data("hf://me/insects")) == [[0, 1]]
    assert "no data set me/insects at 'v3' that is open to you (404)" in failure("hf://me/insects@v3")


def test_columns_are_named_where_there_are_several_of_labels(hub: Hub) -> None:
    features = {"fine": {"names": ["ant", "bee"], "_type": "ClassLabel"}}
    hub.publish("me/insects", {"train.parquet": table([0, 1], features, "fine")})
    assert open_data("hf://me/insects?label=fine").classes == ("ant", "bee")
    assert "has no column 'coarse'" in failure("hf://me/insects?label=coarse")


@pytest.mark.parametrize("is_split", [False, True])
def test_archives_of_class_folders_are_read_in_place(hub: Hub, is_split: bool) -> None:
    train = {"ant__0": picture(0), "bee__0": picture(1), "bee__1": picture(2), "cow__0": picture(3)}
    test = {"bee__0": picture(4), "cow__7": picture(5)}
    if is_split:
        files = {"train.zip": zipped(**train), "test.zip": zipped(**test)}
    else:
        inside = {f"train__{name}": content for name, content in train.items()}
        files = {"all.zip": zipped(**inside, **{f"test__{name}": content for name, content in test.items()})}
    hub.publish("me/insects", files)
    splits = open_data("hf://me/insects")
    assert splits.classes == ("ant", "bee", "cow")
    assert labels(splits) == [[0, 1, 1, 2], [1, 2]]
    assert splits.test.read(0).getpixel((0, 0)) == (40, 0, 0)
    with pytest.raises(ConfigError, match="are for tables"):
        open_data("hf://me/insects?label=x")


def test_loose_pictures_are_of_the_class_of_their_folder(hub: Hub) -> None:
    names = ("train/ant/0.png", "train/bee/ü 0.png", "valid/bee/1.png", ".hidden/x/0.png")
    hub.publish("me/insects", {name: picture(number) for number, name in enumerate(names)})
    splits = open_data("hf://me/insects")
    assert (splits.classes, labels(splits)) == (("ant", "bee"), [[0, 1], [1]])
    assert splits.train.read(1).size == (8, 7)


def test_a_private_data_set_opens_to_the_login_alone(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = table([0, 1])
    hub.publish("me/insects", {"train.parquet": content})
    hub.token = "hf_not_to_be_shown"
    assert "no data set me/insects that is open to you (401)" in failure("hf://me/insects")
    monkeypatch.setenv("HF_TOKEN", hub.token)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: hub.token)
    (tmp_path / "theirs").write_bytes(content)
    asked = []
    monkeypatch.setattr("huggingface_hub.hf_hub_download", lambda *a, **k: (asked.append(a), tmp_path / "theirs")[1])
    assert labels(open_data("hf://me/insects")) == [[0, 1]]
    assert asked == [("me/insects", "train.parquet")]


@pytest.mark.parametrize(
    "address", ["hf://", "hf://me", "hf://me/a/b/c/d", "hf://../a", "hf://me/a@", "hf://me/a@../b"]
)
def test_what_is_no_address_is_told_before_anything_is_asked(hub: Hub, address: str) -> None:
    assert "expected hf://OWNER/NAME[@REVISION][/CONFIG]" in failure(address)
    assert hub.requests == []


def test_hostile_listings_are_refused(hub: Hub, tmp_path: Path) -> None:
    hub.publish("me/a", {"/tmp/train.parquet": table([0, 1])})
    assert "has a file '/tmp/train.parquet', whose name is none for a file here" in failure("hf://me/a")
    hub.publish("me/d", {"../../train.parquet": table([0, 1])})
    assert "has no .parquet files" in failure("hf://me/d")
    hub.publish("me/b", {"train.json": b"{}"})
    assert "has no .parquet files, archives or pictures; it has 'train.json'" in failure("hf://me/b")
    hub.publish("me/c", {"0.png": picture(0), "1.png": picture(1)})
    assert "in no folder of a class" in failure("hf://me/c")
    assert not list(tmp_path.rglob("train.parquet"))


def test_without_the_library_or_a_hub_the_way_is_told(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "cannot list hf://me/a" in failure("hf://me/a", MachineError)
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert "pip install 'cvp-core[hub]'" in failure("hf://me/a", NotInstalledError)
