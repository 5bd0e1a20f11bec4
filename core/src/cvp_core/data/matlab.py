"""Sets whose labels, or pictures, are MATLAB files: Oxford's flowers and Stanford's house numbers."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ..download import cache_folder, fetch
from ..errors import DataError, NotInstalledError
from .named import DIGITS
from .photographs import Listed
from .sources import ArraySet, DataSplits

__all__ = ["open_flowers102", "open_svhn", "read_flowers102", "read_svhn"]

_FLOWERS = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
_FLOWERS_FILES = {
    "102flowers.tgz": "52808999861908f626f3c1f4e79d11fa",
    "imagelabels.mat": "e0620be6f572b9609742df49c70aed4d",
    "setid.mat": "a5357ecc9cb78c4bef273ce3793fc85c",
}
_SVHN = "http://ufldl.stanford.edu/housenumbers/"
_SVHN_FILES = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}


def open_flowers102() -> DataSplits:
    """Oxford 102 Flower (Nilsback, Zisserman 2008). Raises what `fetch` and `read_flowers102` raise."""
    _loader()  # before gigabytes are downloaded for nothing
    return read_flowers102(*_fetched("flowers102", _FLOWERS, _FLOWERS_FILES))


def open_svhn() -> DataSplits:
    """SVHN's cropped digits (Netzer et al. 2011), without the extra ones. Raises what `fetch` and `read_svhn` raise."""
    _loader()
    return read_svhn(*_fetched("svhn", _SVHN, _SVHN_FILES))


def read_flowers102(archive: Path, labels: Path, splits: Path) -> DataSplits:
    """jpg/image_00001.jpg and on; imagelabels.mat gives each a class from 1 on, setid.mat the numbers of each split.

    The files name no class; the names are those that torchvision gives them.
    """
    from torchvision.datasets import Flowers102

    listed = Listed(archive)
    label_of = _matrix(labels, "labels").ravel().astype(np.int64) - 1
    sets = []
    for key in ("trnid", "valid", "tstid"):
        numbers = _matrix(splits, key).ravel().astype(np.int64)
        if len(numbers) and not 1 <= numbers.min() <= numbers.max() <= len(label_of):
            raise DataError(f"{splits} and {labels} do not fit together; delete both to download them again")
        names = [f"jpg/image_{number:05}.jpg" for number in numbers]
        sets.append(listed.pictures(names, label_of[numbers - 1]))
    named = tuple(getattr(Flowers102, "classes", ()))
    classes = named if len(named) > label_of.max() else tuple(f"flower {number}" for number in range(1, 103))
    train, val, test = sets
    return DataSplits("flowers102", classes, train, val, test, str(archive), notes=listed.members.notes)


def read_svhn(train: Path, test: Path) -> DataSplits:
    """Each file holds X, uint8 (32, 32, 3, N), and y, (N, 1), in which 10 stands for the digit 0."""
    sets = []
    for file in (train, test):
        pixels, labels = _matrix(file, "X"), _matrix(file, "y").ravel().astype(np.int64) % 10
        if pixels.ndim != 4 or pixels.shape[:3] != (32, 32, 3):
            raise DataError(f"{file} holds pictures of the shape {pixels.shape}; expected (32, 32, 3, N)")
        sets.append(ArraySet(np.ascontiguousarray(pixels.transpose(3, 0, 1, 2)), labels, f"svhn {file.stem[:5]}"))
    return DataSplits("svhn", DIGITS, sets[0], None, sets[1], str(train.parent), image_size=(3, 32, 32))


def _matrix(file: Path, name: str) -> np.ndarray:
    try:
        found: dict[str, Any] = _loader()(file, variable_names=[name])
        return np.asarray(found[name])
    except NotInstalledError:
        raise
    except Exception as error:  # noqa: BLE001 - scipy has its own for each way in which a file may be damaged
        raise DataError(f"{file} holds no matrix {name} ({error}); delete it to download it again") from None


def _loader() -> Any:
    try:
        return import_module("scipy.io").loadmat
    except ImportError:
        raise NotInstalledError("its labels are MATLAB files, which scipy reads: pip install scipy") from None


def _fetched(name: str, base: str, files: dict[str, str]) -> list[Path]:
    return [fetch([base + file], digest, cache_folder(name) / file) for file, digest in files.items()]
