"""Well-known sets of photographs in the archives that their authors publish, read in place by the lists inside."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..download import cache_folder, fetch
from ..errors import DataError
from .archive import open_archive, tar_members
from .members import Members, safe_parts
from .packed import PackedSet
from .sources import DataSplits

__all__ = [
    "Listed",
    "open_cats_dogs",
    "open_cub200",
    "open_food101",
    "open_imagenet",
    "open_pets",
    "read_cats_dogs",
    "read_cub200",
    "read_food101",
    "read_pets",
]

_CUB = "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz"
_PETS = "https://www.robots.ox.ac.uk/~vgg/data/pets/data/"
_FOOD = "http://data.vision.ee.ethz.ch/cvl/food-101.tar.gz"
_CATS_DOGS = (
    "https://download.microsoft.com/download/3/E/1/3E1C3F21-ECDB-4869-8368-6DEBA77B919F/kagglecatsanddogs_5340.zip"
)


def open_cub200() -> DataSplits:
    """CUB-200-2011 (Wah et al. 2011, CNS-TR-2011-001): 200 birds. Raises what `fetch` and `read_cub200` raise."""
    return read_cub200(_fetched("cub200", _CUB, "97eceeb196236b17998738112f37df78"))


def open_pets() -> DataSplits:
    """Oxford-IIIT Pet (Parkhi et al. 2012): 37 breeds. Raises what `fetch` and `read_pets` raise."""
    images = _fetched("pets", f"{_PETS}images.tar.gz", "5c4f3ee8e5d25df40f4fd59a7f44e54c")
    return read_pets(images, _fetched("pets", f"{_PETS}annotations.tar.gz", "95a8c909bbe2e81eed6a22bccdf3f68f"))


def open_food101() -> DataSplits:
    """Food-101 (Bossard et al. 2014): 101 dishes, 5 GB. Raises what `fetch` and `read_food101` raise."""
    return read_food101(_fetched("food101", _FOOD, "85eeb15f3717b99a5da872d97d918f87"))


def open_cats_dogs() -> DataSplits:
    """Asirra's cats and dogs (Elson et al. 2007). Raises what `fetch` and `read_cats_dogs` raise."""
    digest = "b7974bd00a84a99921f36ee4403f089853777b5ae8d151c76a86e64900334af9"
    return read_cats_dogs(_fetched("cats-dogs", _CATS_DOGS, digest))


def open_imagenet() -> DataSplits:
    """ImageNet (arXiv:1409.0575), which nobody may pass on. Raises DataError that says where to put it."""
    raise DataError(
        "imagenet cannot be downloaded without an account at image-net.org; with its pictures in class folders, "
        "train/n01440764/*.JPEG and val/n01440764/*.JPEG, name their folder by --data, or put it at $CVP_DATA/imagenet "
        "or ./data/imagenet"
    )


class Listed:
    """An archive whose own lists say what its pictures show."""

    def __init__(self, archive: Path) -> None:
        self.members: Members = tar_members(archive)
        self._numbers = {"/".join(safe_parts(name) or ()): number for number, name in enumerate(self.members.names)}

    @property
    def title(self) -> str:
        return self.members.container.title

    def lines(self, name: str) -> list[list[str]]:
        """The words of each line of a text file that says something. Raises DataError where it is missing."""
        return [line.split() for line in self.text(name).splitlines() if line.strip() and not line.startswith("#")]

    def text(self, name: str) -> str:
        """A text file in it. Raises DataError where it is missing or no text."""
        try:
            return self.pictures([name], [0]).content(0).decode()
        except UnicodeDecodeError:
            raise DataError(f"{self.title}: {name} is no text; delete the archive to download it again") from None

    def pictures(self, names: Sequence[str], labels: Iterable[int]) -> PackedSet:
        """Those of these names. Raises DataError for one that is missing."""
        missing = [name for name in names if name not in self._numbers]
        if missing:
            raise DataError(f"{self.title} lacks {missing[0]}; delete it to download it again")
        parts = self.members.parts[[self._numbers[name] for name in names]]
        return PackedSet((self.members.container,), names, parts, np.fromiter(labels, np.int64))


def read_cub200(archive: Path) -> DataSplits:
    """Its images.txt, image_class_labels.txt, train_test_split.txt and classes.txt tie numbers to pictures."""
    listed = Listed(archive)
    root = "CUB_200_2011/"
    classes = {words[0]: _spoken(words[1].partition(".")[2]) for words in listed.lines(f"{root}classes.txt")}
    order = sorted(classes, key=int)
    label_of = dict(words[:2] for words in listed.lines(f"{root}image_class_labels.txt"))
    is_train = dict(words[:2] for words in listed.lines(f"{root}train_test_split.txt"))
    rows: dict[str, list[tuple[str, int]]] = {"1": [], "0": []}
    try:
        for number, path in listed.lines(f"{root}images.txt"):
            rows[is_train[number]].append((f"{root}images/{path}", order.index(label_of[number])))
    except (KeyError, ValueError) as error:
        raise DataError(f"{archive}: its lists do not fit together ({error}); delete it to download it again") from None
    train, test = (listed.pictures(*_columns(rows[kind])) for kind in ("1", "0"))
    names = tuple(classes[number] for number in order)
    return DataSplits("cub200", names, train, None, test, str(archive), notes=listed.members.notes)


def read_pets(images: Path, annotations: Path) -> DataSplits:
    """A line of trainval.txt and test.txt is a picture and its class from 1 on; the breed is in the picture's name."""
    listed, lists = Listed(images), Listed(annotations)
    sets, classes = [], {}
    for name in ("trainval", "test"):
        rows = []
        for picture, number, *_ in lists.lines(f"annotations/{name}.txt"):
            label = int(number) - 1
            classes[label] = _spoken(picture.rpartition("_")[0])
            rows.append((f"images/{picture}.jpg", label))
        sets.append(listed.pictures(*_columns(rows)))
    names = tuple(classes[label] for label in sorted(classes))
    notes = (*listed.members.notes, *lists.members.notes)
    return DataSplits("pets", names, sets[0], None, sets[1], str(images), notes=notes)


def read_food101(archive: Path) -> DataSplits:
    """meta/train.json and meta/test.json list the pictures of each class, without their suffix."""
    listed = Listed(archive)
    root = "food-101/"
    sets = []
    classes: tuple[str, ...] = ()
    for name in ("train", "test"):
        try:
            document = json.loads(listed.text(f"{root}meta/{name}.json"))
            classes = classes or tuple(sorted(document))
            rows = [(f"{root}images/{path}.jpg", classes.index(label)) for label in classes for path in document[label]]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"{archive}: meta/{name}.json cannot be read ({error}); download it again") from None
        sets.append(listed.pictures(*_columns(rows)))
    names = tuple(_spoken(name) for name in classes)
    return DataSplits("food101", names, sets[0], None, sets[1], str(archive), notes=listed.members.notes)


def read_cats_dogs(archive: Path) -> DataSplits:
    """PetImages/Cat and PetImages/Dog; the pictures of no byte that the archive is known for are left out."""
    splits = open_archive(archive)
    assert isinstance(splits.train, PackedSet)
    sizes = np.array([splits.train.size(index) for index in range(len(splits.train))])
    empty = [splits.train.name(int(index)).rpartition("PetImages/")[2] for index in np.flatnonzero(sizes == 0)]
    notes = (*splits.notes, *([f"empty files are left out: {', '.join(empty[:5])}"] if empty else []))
    train = splits.train.subset(np.flatnonzero(sizes > 0))
    return DataSplits("cats-dogs", splits.classes, train, None, None, str(archive), notes=notes)


def _columns(rows: list[tuple[str, int]]) -> tuple[list[str], list[int]]:
    return [name for name, _ in rows], [label for _, label in rows]


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _fetched(name: str, url: str, digest: str) -> Path:
    return fetch([url], digest, cache_folder(name) / url.rpartition("/")[2])
