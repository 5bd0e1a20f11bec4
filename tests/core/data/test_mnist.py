"""MNIST and Fashion-MNIST: the four files, in their places."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from cvp_core.data import mnist
from cvp_core.data.named import CLOTHES, DIGITS
from cvp_core.errors import DataError


def write(folder, labels=(3, 1), test_labels=(9,), pictures=2) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for prefix, values, count in (("train", labels, pictures), ("t10k", test_labels, 1)):
        pixels = struct.pack(">I3I", 0x803, count, 28, 28) + bytes(count * 784)
        (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(gzip.compress(pixels))
        targets = struct.pack(">II", 0x801, len(values)) + bytes(values)
        (folder / f"{prefix}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(targets))


def test_train_and_test_are_read(tmp_path):
    write(tmp_path)
    splits = mnist.read_mnist(tmp_path, "mnist", DIGITS)
    assert (len(splits.train), splits.val, len(splits.test)) == (2, None, 1)
    assert splits.train.labels.tolist() == [3, 1]
    assert splits.image_size == (1, 28, 28)
    assert splits.test.name(0) == "mnist test #0"


def test_files_that_do_not_belong_together_are_refused(tmp_path):
    write(tmp_path / "a", pictures=3)
    with pytest.raises(DataError, match="3 train pictures and 2 labels"):
        mnist.read_mnist(tmp_path / "a", "mnist", DIGITS)
    write(tmp_path / "b", test_labels=(10,))
    with pytest.raises(DataError, match="t10k label 10; allowed are 0 to 9"):
        mnist.read_mnist(tmp_path / "b", "mnist", DIGITS)


def test_mnist_is_fetched_into_the_cache_from_its_mirrors(tmp_path, monkeypatch):
    asked = []

    def fetch(urls, digest, target):
        asked.append((urls, digest))
        write(target.parent)

    monkeypatch.setattr(mnist, "fetch", fetch)
    splits = mnist.open_mnist()
    assert splits.location == str(tmp_path / "cache" / "datasets" / "mnist")
    assert len(asked) == 4
    assert all(url.endswith("-ubyte.gz") and len(digest) == 32 for urls, digest in asked for url in urls)


def test_fashion_mnist_is_fetched_where_the_package_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(mnist, "DEBIAN_FASHION_MNIST", tmp_path / "none")
    monkeypatch.setattr(mnist, "fetch", lambda urls, digest, target: write(target.parent))
    assert "cache" in mnist.open_fashion_mnist().location


@pytest.mark.skipif(not mnist.DEBIAN_FASHION_MNIST.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_debians_fashion_mnist_has_its_published_counts_and_statistics():
    splits = mnist.open_fashion_mnist()
    assert splits.location == "/usr/share/datasets/fashion-mnist"
    assert splits.classes == CLOTHES
    # Xiao et al. 2017: 60,000 and 10,000 pictures, as many of each class.
    assert np.bincount(splits.train.labels).tolist() == [6000] * 10
    assert np.bincount(splits.test.labels).tolist() == [1000] * 10
    scaled = splits.train.pixels / 255
    assert (round(scaled.mean(), 4), round(scaled.std(), 4)) == (0.2860, 0.3530)
