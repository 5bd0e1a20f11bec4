"""Archives that are damaged, hostile or odd: nothing is followed, all is bounded, and one line says what is wrong."""

from __future__ import annotations

import io
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from cvp_core.data import kept
from cvp_core.data.archive import open_archive
from cvp_core.errors import DataError, MachineError

CENTRAL, LOCAL = b"PK\x01\x02", b"PK\x03\x04"


def png(shade: int = 0) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (shade, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def make_zip(path: Path, *names: str, method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for number, name in enumerate(("cat/0.png", "dog/0.png", *names)):
            archive.writestr(name, png(number))
    return path


def make_tar(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for name in ("cat/0.png", "dog/0.png"):
            member = tarfile.TarInfo(name)
            member.size = len(png())
            archive.addfile(member, io.BytesIO(png()))
        for member in members:
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def edit(path: Path, sign: bytes, offset: int, value: bytes) -> Path:
    """Overwrite a field of a zip's headers of one kind, of every member."""
    content = bytearray(path.read_bytes())
    for start in _places(content, sign):
        content[start + offset : start + offset + len(value)] = value
    path.write_bytes(content)
    return path


def _places(content: bytearray, sign: bytes) -> Iterator[int]:
    start = content.find(sign)
    while start >= 0:
        yield start
        start = content.find(sign, start + 1)


def read_all(path: Path) -> None:
    images = open_archive(path).train
    for index in range(len(images)):
        images.read(index)


def failure(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_all(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def test_links_devices_and_names_that_lead_out_of_a_tar_are_ignored_and_told(tmp_path):
    (tmp_path / "secret.png").write_bytes(png())
    splits = open_archive(
        make_tar(
            tmp_path / "pets.tar",
            special("cat/link.png", tarfile.SYMTYPE, str(tmp_path / "secret.png")),
            special("cat/hard.png", tarfile.LNKTYPE, "dog/0.png"),
            special("cat/device.png", tarfile.CHRTYPE),
            special("cat/pipe.png", tarfile.FIFOTYPE),
            tarfile.TarInfo("../cat/out.png"),
            tarfile.TarInfo("/cat/absolute.png"),
            tarfile.TarInfo("cat/" + "deep/" * 3000 + "0.png"),
        )
    )
    assert (len(splits.train), splits.classes) == (2, ("cat", "dog"))
    assert "are ignored: 'cat/link.png', 'cat/hard.png', 'cat/device.png'" in splits.notes[0]
    assert "and 2 more" in splits.notes[0]


def test_links_and_names_that_lead_out_of_a_zip_are_ignored_and_told(tmp_path):
    path = make_zip(tmp_path / "pets.zip", "../out.png", "/cat/abs.png", "C:/cat/abs.png", "cat/../../x.png")
    with zipfile.ZipFile(path, "a") as archive:
        link = zipfile.ZipInfo("cat/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    splits = open_archive(path)
    assert len(splits.train) == 2
    assert "'cat/link.png', '../out.png', '/cat/abs.png', 'C:/cat/abs.png', 'cat/../../x.png'" in splits.notes[0]


def test_an_encrypted_picture_is_named(tmp_path):
    path = edit(make_zip(tmp_path / "pets.zip"), CENTRAL, 8, b"\1\0")
    assert f"{path}: 'cat/0.png' is encrypted; unpack it with its password" in failure(path)


def test_a_method_that_is_not_read_is_named(tmp_path):
    assert "'cat/0.png' is packed by lzma; allowed are" in failure(
        make_zip(tmp_path / "pets.zip", method=zipfile.ZIP_LZMA)
    )


def test_a_picture_that_claims_gigabytes_is_refused_before_it_is_read(tmp_path):
    path = make_zip(tmp_path / "pets.zip", method=zipfile.ZIP_DEFLATED)
    edit(path, CENTRAL, 24, struct.pack("<I", 3 << 30))
    assert "pets.zip/cat/0.png has 3,221,225,472 bytes; pictures of at most 268,435,456 bytes" in failure(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_picture_that_unpacks_to_more_than_it_claims_is_not_unpacked_further(tmp_path, method):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for name in ("cat/0.png", "dog/0.png"):
            archive.writestr(name, bytes(20_000_000))
    edit(path, CENTRAL, 24, struct.pack("<I", 1000))
    tracemalloc.start()
    assert "cat/0.png: damaged in the archive, or a bomb: it promises 1000 bytes" in failure(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10_000_000


def test_a_compressed_tar_that_grows_like_a_bomb_is_not_unpacked_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "_FREE_GROWTH", 1 << 20)
    zeros = tarfile.TarInfo("cat/1.png")
    zeros.size = 8 << 20
    assert "unpacks to more than 50 times its size" in failure(make_tar(tmp_path / "bomb.tar.gz", zeros))
    assert list((tmp_path / "cache/archives").iterdir()) == []


def test_a_disk_without_room_is_told_before_it_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(kept, "_SPARED", 1 << 62)
    with pytest.raises(MachineError, match="no room to unpack"):
        open_archive(make_tar(tmp_path / "pets.tar.gz"))
    assert list((tmp_path / "cache/archives").iterdir()) == []


@pytest.mark.parametrize("kind, length", [("zip", -30), ("tar", 600), ("tar", 1100), ("tar.gz", -40), ("tar", 100)])
def test_an_archive_that_is_cut_off_is_told(tmp_path, kind, length):
    path = (make_zip if kind == "zip" else make_tar)(tmp_path / f"pets.{kind}")
    path.write_bytes(path.read_bytes()[:length])
    assert f"{path} is no {kind[:3]} archive, or it is damaged or cut off" in failure(path)


def test_a_tar_with_a_damaged_header_does_not_end_silently_there(tmp_path):
    path = make_tar(tmp_path / "pets.tar")
    content = bytearray(path.read_bytes())
    content[1024] ^= 0xFF  # the second member's name; its header's checksum is then wrong
    path.write_bytes(content)
    assert "damaged or cut off (at byte 1,024)" in failure(path)


def test_a_tar_without_its_end_mark_is_used_and_told(tmp_path):
    path = make_tar(tmp_path / "pets.tar")
    path.write_bytes(path.read_bytes()[: 2 * (512 + 512)])
    assert open_archive(path).notes[0] == f"{path} has no end mark; it may have been cut off"


def test_foreign_files_are_no_archives(tmp_path):
    for kind in ("zip", "tar"):
        path = tmp_path / f"pets.{kind}"
        path.write_bytes(b"hello " * 200)
        assert f"is no {kind} archive" in failure(path)
        path.write_bytes(b"")
        assert f"is no {kind} archive" in failure(path)


def test_a_byte_that_changed_in_a_zip_is_found_and_its_picture_named(tmp_path):
    path = make_zip(tmp_path / "pets.zip")
    changed = bytearray(png(1))
    changed[-20] ^= 1
    path.write_bytes(path.read_bytes().replace(png(1), changed))
    assert "pets.zip/dog/0.png: damaged in the archive: its checksum is another" in failure(path)


def test_a_zip_whose_headers_moved_names_the_picture(tmp_path):
    path = edit(make_zip(tmp_path / "pets.zip"), LOCAL, 0, b"PK\x03\x05")
    assert "cat/0.png: damaged archive: the picture is not where" in failure(path)


def test_a_zip_behind_other_bytes_is_read(tmp_path):
    path = make_zip(tmp_path / "pets.zip")
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())
    assert open_archive(path).train.content(1) == png(1)


@pytest.mark.parametrize(
    "raw, read, is_told",
    [("ñ".encode(), "ñ", False), (b"\xa4\x82", "ñé", True), (b"\x81a", "üa", True)],
)
def test_names_without_a_declared_encoding_are_utf8_if_they_can_be_else_cp437(tmp_path, raw, read, is_told):
    path = make_zip(tmp_path / "pets.zip", "XX/0.png")
    path.write_bytes(path.read_bytes().replace(b"XX/", raw + b"/"))
    splits = open_archive(path)
    assert splits.classes == ("cat", "dog", read)
    assert any("cp437" in note for note in splits.notes) == is_told


def test_the_unicode_name_that_info_zip_adds_is_taken(tmp_path):
    path = tmp_path / "pets.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("cat/0.png", png())
        name = "鸟/0.png".encode()
        odd = zipfile.ZipInfo("XX/0.png")
        odd.extra = struct.pack("<HHBI", 0x7075, 5 + len(name), 1, 0) + name
        archive.writestr(odd, png())
    path.write_bytes(path.read_bytes().replace(b"XX/", b"\xff\xfe/"))
    assert open_archive(path).classes == ("cat", "鸟")


def test_folders_that_windows_programs_separate_by_backslashes_are_folders(tmp_path):
    path = make_zip(tmp_path / "pets.zip", "cow/a/0.png")
    path.write_bytes(path.read_bytes().replace(b"cow/a/0.png", b"cow\\a\\0.png"))
    edit(path, CENTRAL, 5, b"\0")
    assert open_archive(path).classes == ("cat", "cow", "dog")
