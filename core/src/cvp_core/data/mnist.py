"""MNIST and Fashion-MNIST: four IDX files each, from a system package, the cache, or the network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..download import cache_folder, fetch
from ..errors import DataError
from .idx import read_idx
from .named import CLOTHES, DIGITS
from .sources import ArraySet, DataSplits

__all__ = ["open_fashion_mnist", "open_mnist", "read_mnist"]

# The MD5 sums that torchvision publishes (torchvision/datasets/mnist.py).
_MNIST = {
    "train-images-idx3-ubyte.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
    "train-labels-idx1-ubyte.gz": "d53e105ee54ea40749a09fcbcd1e9432",
    "t10k-images-idx3-ubyte.gz": "9fb629c4189551a2d022fa330f9573f3",
    "t10k-labels-idx1-ubyte.gz": "ec29112dd5afa0611ce80d1b7f02629c",
}
_MNIST_MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

_FASHION = {
    "train-images-idx3-ubyte.gz": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte.gz": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}
_FASHION_MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)

DEBIAN_FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


def open_mnist() -> DataSplits:
    """MNIST (LeCun et al. 1998), 60,000 and 10,000 digits. Raises what `fetch` and `read_mnist` raise."""
    folder = _fetched("mnist", _MNIST, _MNIST_MIRRORS)
    return read_mnist(folder, "mnist", DIGITS)


def open_fashion_mnist() -> DataSplits:
    """Fashion-MNIST (Xiao et al. 2017, arXiv:1708.07747), out of Debian's dataset-fashion-mnist if installed.

    Raises what `fetch` and `read_mnist` raise.
    """
    folder = DEBIAN_FASHION_MNIST
    if not all((folder / name).is_file() for name in _FASHION):
        folder = _fetched("fashion-mnist", _FASHION, _FASHION_MIRRORS)
    return read_mnist(folder, "fashion-mnist", CLOTHES)


def read_mnist(folder: Path, name: str, classes: tuple[str, ...]) -> DataSplits:
    """The four gzipped IDX files of a folder as train and test. Raises DataError where they do not fit."""
    train = _read_pair(folder, "train", f"{name} train", len(classes))
    test = _read_pair(folder, "t10k", f"{name} test", len(classes))
    height, width = train.pixels.shape[1:]
    return DataSplits(name, classes, train, None, test, str(folder), image_size=(1, height, width))


def _read_pair(folder: Path, prefix: str, title: str, classes: int) -> ArraySet:
    pixels = read_idx(folder / f"{prefix}-images-idx3-ubyte.gz", 3)
    labels = read_idx(folder / f"{prefix}-labels-idx1-ubyte.gz", 1)
    if len(pixels) == 0 or len(pixels) != len(labels):
        raise DataError(f"'{folder}' holds {len(pixels)} {prefix} pictures and {len(labels)} labels")
    if labels.max() >= classes:
        raise DataError(f"'{folder}' holds the {prefix} label {labels.max()}; allowed are 0 to {classes - 1}")
    return ArraySet(pixels, labels, title)


def _fetched(name: str, files: Mapping[str, str], mirrors: tuple[str, ...]) -> Path:
    folder = cache_folder(name)
    for file, digest in files.items():
        fetch([mirror + file for mirror in mirrors], digest, folder / file)
    return folder
