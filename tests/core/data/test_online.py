"""Archives and tables at addresses: downloaded once from a server on this machine, then read as what lies here."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from archives import tarred, zipped
from fake_hub import Hub, serving
from PIL import Image

from cvp_cli.main import main
from cvp_core.data import open_data
from cvp_core.data.registered import register
from cvp_core.download import OFFLINE
from cvp_core.errors import ConfigError, DataError, MachineError


def picture(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 6), (shade, 0, 0)).save(file, "PNG")
    return file.getvalue()


PICTURES = {f"pets/{name}/{number}.png": picture(10 * number) for name in ("cat", "dog") for number in (1, 2)}


def table() -> bytes:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    file = io.BytesIO()
    labels = [name.split("/")[1] for name in PICTURES]
    parquet.write_table(pyarrow.table({"image": list(PICTURES.values()), "kind": labels}), file)
    return file.getvalue()


FILES = {
    "pets.zip": lambda: zipped(PICTURES),
    "pets.tar": lambda: tarred(PICTURES, "w:"),
    "pets.tar.gz": lambda: tarred(PICTURES, "w:gz"),
    "pets.TGZ": lambda: tarred(PICTURES, "w:gz"),
    "pets.parquet": table,
}


@pytest.fixture
def server() -> Iterator[Hub]:
    with serving() as running:
        yield running


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("query", ["", "?download=1"])
def test_a_file_at_an_address_is_read_as_one_here_and_asked_for_once(
    server: Hub, name: str, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files[f"/some/{name}"] = FILES[name]()
    address = f"{server.url}/some/{name}{query}"
    splits = open_data(address)
    assert (splits.name, splits.classes, splits.location) == ("pets", ("cat", "dog"), address)
    assert [splits.train.read(index).getpixel((0, 0))[0] for index in range(4)] == [10, 20, 10, 20]
    assert "once" in splits.notes[0]
    server.requests.clear()
    monkeypatch.setenv(OFFLINE, "1")
    assert len(open_data(address).train) == 4
    assert server.requests == []


def test_a_download_that_broke_off_is_continued(server: Hub) -> None:
    server.files["/pets.zip"] = zipped(PICTURES)
    server.cuts["/pets.zip"] = 300
    with pytest.raises(MachineError, match="ended after 300 of"):
        open_data(f"{server.url}/pets.zip")
    assert len(open_data(f"{server.url}/pets.zip").train) == 4
    assert server.ranges == [None, "bytes=300-"]


def test_offline_is_refused_with_a_line_that_says_where_to_put_it(
    server: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server.files["/pets.zip"] = zipped(PICTURES)
    monkeypatch.setenv(OFFLINE, "1")
    with pytest.raises(MachineError, match=r"pets\.zip is not here, and \$CVP_OFFLINE forbids .* by hand: .*pets\.zip"):
        open_data(f"{server.url}/pets.zip")
    monkeypatch.delenv(OFFLINE)
    assert main(["data", "pull", f"{server.url}/pets.zip", "--offline"]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert server.requests == []


def test_several_tables_at_addresses_are_one(server: Hub) -> None:
    for name in ("train-0", "train-1", "test-0"):
        server.files[f"/{name}.parquet"] = table()
    splits = open_data(f"{server.url}/{{train-0,train-1,test-0}}.parquet?label=kind")
    assert (len(splits.train), len(splits.test), splits.val) == (8, 4, None)


def test_a_name_for_an_address_of_a_compressed_tar_is_downloaded_at_once(server: Hub) -> None:
    server.files["/pets.tar.gz"] = tarred(PICTURES, "w:gz")
    register("pets-2", f"{server.url}/pets.tar.gz")
    assert open_data("pets-2").classes == ("cat", "dog")
    assert server.delivered == ["/pets.tar.gz"]


def test_what_is_not_there_or_no_archive_is_told_in_one_line(server: Hub) -> None:
    with pytest.raises(MachineError, match="answers 404"):
        open_data(f"{server.url}/pets.zip")
    server.files["/page.zip"] = b"<html>please log in</html>"
    with pytest.raises(DataError, match=r"is no zip archive.*page\.zip; delete that to download it again"):
        open_data(f"{server.url}/page.zip")
    for name in ("pets", "pets.csv", "pets.txt", ""):
        with pytest.raises(DataError, match=r"is no folder, and what is downloaded is an archive \(.zip, .tar"):
            open_data(f"{server.url}/{name}")
    with pytest.raises(ConfigError, match="is for tables"):
        open_data(f"{server.url}/pets.zip?label=kind")


@pytest.mark.parametrize(
    "address", ["http://[x.zip", "https://", "https:///x.zip", "http://\0/x.zip", "nosuch://a/x.zip"]
)
def test_odd_addresses_are_one_line(address: str) -> None:
    with pytest.raises((DataError, MachineError)) as caught:
        open_data(address)
    assert "\n" not in str(caught.value)


def test_nothing_is_downloaded_below_another_name_than_the_files(server: Hub, tmp_path: Path) -> None:
    server.files["/a%2F..%2F..%2Fpets.zip"] = zipped(PICTURES)
    assert len(open_data(f"{server.url}/a%2F..%2F..%2Fpets.zip").train) == 4
    (file,) = tmp_path.rglob("*pets.zip")
    assert file.name == "a_.._.._pets.zip"
    assert tmp_path / "cache" / "downloads" in file.parents
