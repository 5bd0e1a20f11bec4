"""Published sets of photographs, on small archives with the layout of the real ones."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from cvp_core.data import matlab, open_data, photographs
from cvp_core.data.matlab import read_flowers102, read_svhn
from cvp_core.data.named import SPECS
from cvp_core.data.photographs import read_cats_dogs, read_cub200, read_food101, read_pets
from cvp_core.errors import DataError


def jpeg(shade: int) -> bytes:
    content = io.BytesIO()
    Image.new("L", (8, 6), shade).save(content, "JPEG", quality=95)
    return content.getvalue()


def tgz(path: Path, files: dict[str, bytes | str]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            content = data.encode() if isinstance(data, str) else data
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


def shades(images) -> list[int]:
    """The grey of each picture, to the nearest ten."""
    return [round(int(np.asarray(images.read(index, 1)).mean()), -1) for index in range(len(images))]


@pytest.fixture
def cub(tmp_path: Path) -> Path:
    root = "CUB_200_2011/"
    return tgz(
        tmp_path / "CUB_200_2011.tgz",
        {
            "attributes.txt": "1 has_bill_shape::curved\n",
            f"{root}classes.txt": "1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n",
            f"{root}images.txt": "1 001.B/b_1.jpg\n2 001.B/b_2.jpg\n3 002.L/l_1.jpg\n4 002.L/l_2.jpg\n",
            f"{root}image_class_labels.txt": "1 1\n2 1\n3 2\n4 2\n",
            f"{root}train_test_split.txt": "1 1\n2 0\n3 1\n4 0\n",
            **{
                f"{root}images/00{c}.{k}/{k.lower()}_{n}.jpg": jpeg(40 * c + 20 * n)
                for c, k in ((1, "B"), (2, "L"))
                for n in (1, 2)
            },
        },
    )


def test_cub200s_numbers_tie_pictures_to_birds_and_splits(cub: Path) -> None:
    splits = read_cub200(cub)
    assert splits.classes == ("Black footed Albatross", "Laysan Albatross")
    assert splits.test is not None
    assert (splits.train.labels.tolist(), splits.test.labels.tolist()) == ([0, 1], [0, 1])
    assert (shades(splits.train), shades(splits.test)) == ([60, 100], [80, 120])
    assert splits.train.name(0).endswith("CUB_200_2011/images/001.B/b_1.jpg")


def test_an_archive_without_a_picture_that_it_lists_is_told(cub: Path, tmp_path: Path) -> None:
    with tarfile.open(cub) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]
    del files["CUB_200_2011/images/002.L/l_1.jpg"]
    with pytest.raises(DataError, match=r"lacks CUB_200_2011/images/002.L/l_1.jpg; delete it to download it again"):
        read_cub200(tgz(tmp_path / "less.tgz", files))
    files["CUB_200_2011/train_test_split.txt"] = b"1 1\n"
    with pytest.raises(DataError, match="do not fit together"):
        read_cub200(tgz(tmp_path / "other.tgz", files))


def test_the_breed_of_a_pet_is_in_its_pictures_name(tmp_path: Path) -> None:
    names = ("Abyssinian_1", "american_bulldog_2", "Abyssinian_3")
    images = tgz(tmp_path / "i.tgz", {f"images/{name}.jpg": jpeg(60 + 20 * n) for n, name in enumerate(names)})
    lists = {
        "trainval": "Abyssinian_1 1 1 1\namerican_bulldog_2 2 2 1\n",
        "test": "#Image CLASS-ID\nAbyssinian_3 1 1 1\n",
    }
    annotations = tgz(tmp_path / "a.tgz", {f"annotations/{name}.txt": text for name, text in lists.items()})
    splits = read_pets(images, annotations)
    assert splits.classes == ("Abyssinian", "american bulldog")
    assert splits.test is not None
    assert (splits.train.labels.tolist(), shades(splits.train)) == ([0, 1], [60, 80])
    assert (splits.test.labels.tolist(), shades(splits.test)) == ([0], [100])


def test_food101s_lists_are_json(tmp_path: Path) -> None:
    lists = {
        "train": {"apple_pie": ["apple_pie/1"], "waffles": ["waffles/2"]},
        "test": {"apple_pie": ["apple_pie/3"], "waffles": []},
    }
    files: dict[str, bytes | str] = {f"food-101/meta/{name}.json": json.dumps(entry) for name, entry in lists.items()}
    pictures = {f"food-101/images/{path}.jpg": jpeg(50) for path in ("apple_pie/1", "waffles/2", "apple_pie/3")}
    splits = read_food101(tgz(tmp_path / "food-101.tar.gz", {**files, **pictures}))
    assert splits.classes == ("apple pie", "waffles")
    assert splits.test is not None
    assert (splits.train.labels.tolist(), splits.test.labels.tolist()) == ([0, 1], [0])


def test_the_empty_files_of_cats_and_dogs_are_left_out_and_named(tmp_path: Path) -> None:
    path = tmp_path / "kagglecatsanddogs_5340.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme[1].txt", "Asirra")
        archive.writestr("PetImages/Cat/Thumbs.db", "x")
        for name, content in (("Cat/0", jpeg(60)), ("Cat/666", b""), ("Dog/0", jpeg(80)), ("Dog/11702", b"")):
            archive.writestr(f"PetImages/{name}.jpg", content)
    splits = read_cats_dogs(path)
    assert (splits.classes, splits.train.labels.tolist(), shades(splits.train)) == (("Cat", "Dog"), [0, 1], [60, 80])
    assert "empty files are left out: Cat/666.jpg, Dog/11702.jpg" in splits.notes


def test_flowers_have_their_labels_and_splits_in_matlab_files(tmp_path: Path) -> None:
    archive = tgz(tmp_path / "102flowers.tgz", {f"jpg/image_{n:05}.jpg": jpeg(20 * n) for n in range(1, 6)})
    savemat(tmp_path / "labels.mat", {"labels": np.array([[77, 1, 77, 102, 1]], np.uint8)})
    ids = {"trnid": [[5, 1]], "valid": [[2]], "tstid": [[3, 4]]}
    savemat(tmp_path / "setid.mat", {key: np.array(value, np.uint16) for key, value in ids.items()})
    splits = read_flowers102(archive, tmp_path / "labels.mat", tmp_path / "setid.mat")
    assert splits.val is not None
    assert splits.test is not None
    assert [images.labels.tolist() for images in (splits.train, splits.val, splits.test)] == [[0, 76], [0], [76, 101]]
    assert shades(splits.train) == [100, 20]
    # The authors' list of names: 77 is the passion flower, 1 the pink primrose.
    assert (splits.classes[76], splits.classes[0]) == ("passion flower", "pink primrose")


def test_house_numbers_write_the_digit_0_as_10(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (32, 32, 3, 3), dtype=np.uint8)
    for name, labels in (("train", [10, 1, 9]), ("test", [2, 10, 3])):
        savemat(tmp_path / f"{name}_32x32.mat", {"X": pixels, "y": np.array(labels, np.uint8)[:, None]})
    splits = read_svhn(tmp_path / "train_32x32.mat", tmp_path / "test_32x32.mat")
    assert splits.test is not None
    assert (splits.train.labels.tolist(), splits.test.labels.tolist()) == ([0, 1, 9], [2, 0, 3])
    assert np.array_equal(np.asarray(splits.train.read(2)), pixels[..., 2])
    (tmp_path / "bad.mat").write_bytes(b"no matrix")
    with pytest.raises(DataError, match="holds no matrix X"):
        read_svhn(tmp_path / "bad.mat", tmp_path / "test_32x32.mat")


def test_addresses_and_hashes_are_those_that_torchvision_has() -> None:
    from torchvision import datasets

    assert datasets.Food101._URL == photographs._FOOD
    pets = dict(datasets.OxfordIIITPet._RESOURCES)
    assert set(pets) == {f"{photographs._PETS}{kind}.tar.gz" for kind in ("images", "annotations")}
    flowers = dict(datasets.Flowers102._file_dict.values())
    assert (datasets.Flowers102._download_url_prefix, flowers) == (matlab._FLOWERS, matlab._FLOWERS_FILES)
    house = {file: digest for _, file, digest in datasets.SVHN.split_list.values() if "extra" not in file}
    assert house == matlab._SVHN_FILES
    source = Path(photographs.__file__).read_text()
    assert all(digest in source for digest in (datasets.Food101._MD5, *pets.values()))


def test_imagenet_says_where_it_must_be_put_and_is_then_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match=r"account at image-net.org.*\$CVP_DATA/imagenet"):
        open_data("imagenet")
    for split in ("train", "val"):
        for wordnet in ("n01440764", "n01443537"):
            (tmp_path / "imagenet" / split / wordnet).mkdir(parents=True)
            (tmp_path / "imagenet" / split / wordnet / "1.JPEG").write_bytes(jpeg(90))
    monkeypatch.setenv("CVP_DATA", str(tmp_path))
    assert open_data("imagenet").classes == ("n01440764", "n01443537")


def test_the_sets_that_practitioners_ask_for_have_names() -> None:
    asked = {"mnist", "fashion-mnist", "cifar10", "cifar100", "svhn", "cub200", "flowers102", "pets", "food101"}
    assert {spec.name for spec in SPECS} >= asked | {"cats-dogs", "imagenet", "birds"}
