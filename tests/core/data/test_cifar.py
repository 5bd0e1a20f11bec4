"""The CIFAR reader on archives built by the published binary layout (www.cs.toronto.edu/~kriz/cifar.html)."""

from __future__ import annotations

import io
import tarfile

import pytest

from cvp_core.data import cifar
from cvp_core.data.cifar import read_cifar
from cvp_core.data.named import CIFAR10, CIFAR100
from cvp_core.errors import DataError


def record(*labels: int, red: int = 0) -> bytes:
    """One record: labels, then 1024 red, 1024 green, 1024 blue bytes, row by row."""
    planes = [bytes([red]) + bytes(1023), bytes([1]) * 1024, bytes([2]) * 1024]
    return bytes(labels) + b"".join(planes)


def archive(path, **files: bytes):
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}.bin")
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def read(path):
    return read_cifar(path, "cifar10", CIFAR10, ("one.bin", "two.bin"), "test.bin")


def test_batches_are_joined_in_order_and_planes_become_pixels(tmp_path):
    path = archive(tmp_path / "c", two=record(5), one=record(3, red=200) + record(4), test=record(9), readme=b"hi")
    splits = read(path)
    assert splits.train.labels.tolist() == [3, 4, 5]
    assert splits.test.labels.tolist() == [9]
    assert splits.image_size == (3, 32, 32)
    picture = splits.train.read(0)
    assert (picture.getpixel((0, 0)), picture.getpixel((1, 0))) == ((200, 1, 2), (0, 1, 2))


def test_the_fine_label_of_cifar100_is_the_second_byte(tmp_path):
    path = archive(tmp_path / "c", train=record(1, 99), test=record(0, 7))
    splits = read_cifar(path, "cifar100", CIFAR100, ("train.bin",), "test.bin", label_bytes=2)
    assert (splits.train.labels.tolist(), splits.test.labels.tolist()) == ([99], [7])


@pytest.mark.parametrize(
    "files, reason",
    [
        ({"one": record(1), "test": record(1)}, "lacks two.bin"),
        ({"one": record(1), "two": record(1)[:-1], "test": record(1)}, "3072 bytes, not records of 3073"),
        ({"one": record(1), "two": b"", "test": record(1)}, "0 bytes"),
        ({"one": record(1), "two": record(10), "test": record(1)}, "label 10; allowed are 0 to 9"),
    ],
)
def test_archives_that_do_not_fit_are_refused(tmp_path, files, reason):
    with pytest.raises(DataError, match=reason):
        read(archive(tmp_path / "c", **files))


@pytest.mark.parametrize("change", [lambda data: data[:60], lambda data: b"no archive", lambda data: b""])
def test_damaged_archives_are_data_errors(tmp_path, change):
    path = archive(tmp_path / "c", one=record(1), two=record(1), test=record(1))
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(DataError, match=r"cannot be read|lacks"):
        read(path)


def test_a_link_in_the_archive_is_not_followed(tmp_path):
    with tarfile.open(tmp_path / "c", "w:gz") as tar:
        link = tarfile.TarInfo("one.bin")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(DataError, match="not records"):
        read(tmp_path / "c")


def test_openers_fetch_the_binary_version_never_the_pickle(tmp_path, monkeypatch):
    def fetch(urls, digest, target):
        target.parent.mkdir(parents=True)
        assert all(url.endswith("-binary.tar.gz") for url in urls)
        batches = {f"data_batch_{n}": record(n) for n in range(1, 6)}
        if "100" in target.name:
            return archive(target, train=record(1, 98), test=record(1, 99))
        return archive(target, **batches, test_batch=record(0))

    monkeypatch.setattr(cifar, "fetch", fetch)
    assert cifar.open_cifar10().train.labels.tolist() == [1, 2, 3, 4, 5]
    assert cifar.open_cifar100().test.labels.tolist() == [99]
