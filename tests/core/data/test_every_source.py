"""The same pictures from every kind of source: the same classes, names, tensors and samples."""

from __future__ import annotations

import csv
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cvp_core.data import DataSplits, FileSet, ImageSet, open_data
from cvp_core.data.loading import make_loader
from cvp_core.data.sharding import write_shards
from cvp_core.spec import Preprocess

SIZE = Preprocess((16, 16), 18)
CLASSES = ("Black Cat", "dog", "ñandú 鸟")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Fifteen JPEG and PNG files of different size and content in three class folders."""
    root = tmp_path_factory.mktemp("data") / "pets"
    generator = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        (root / name).mkdir(parents=True)
        for index in range(5):
            pixels = generator.integers(0, 256, (6 + index, 5 + label, 3), np.uint8)
            image = Image.fromarray(pixels).resize((40 + index, 30), Image.Resampling.BICUBIC)
            image.save(root / name / f"{index}.{'png' if index == 4 else 'jpg'}")
    return root


def paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.parent != folder)


def as_zip(folder: Path, target: Path) -> Path:
    with zipfile.ZipFile(target / "pets.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths(folder):
            archive.write(path, path.relative_to(folder.parent))
    return target / "pets.zip"


def as_tar(folder: Path, target: Path, suffix: str = "tar") -> Path:
    with tarfile.open(target / f"pets.{suffix}", "w" if suffix == "tar" else f"w:{suffix[-2:]}") as archive:
        archive.add(folder, "./pets")
    return target / f"pets.{suffix}"


def as_list(folder: Path, target: Path) -> Path:
    (target / "pictures").symlink_to(folder)
    lines = [f"pictures/{path.relative_to(folder)}\t{path.parent.name}\n" for path in reversed(paths(folder))]
    (target / "pets.txt").write_text("".join(lines))
    return target / "pets.txt"


def as_table(folder: Path, target: Path, suffix: str = "csv") -> Path:
    (target / "pictures").symlink_to(folder)
    with (target / f"pets.{suffix}").open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t" if suffix == "tsv" else ",")
        writer.writerow(["label", "id", "path"])
        for row, path in enumerate(paths(folder)):
            writer.writerow([path.parent.name, row, f"pictures/{path.relative_to(folder)}"])
    return target / f"pets.{suffix}"


def as_parquet(folder: Path, target: Path, kind: str = "path") -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    (target / "pictures").symlink_to(folder)
    images = {
        "path": [f"pictures/{path.relative_to(folder)}" for path in paths(folder)],
        "bytes": [path.read_bytes() for path in paths(folder)],
        "hugging face": [{"bytes": path.read_bytes(), "path": path.name} for path in paths(folder)],
    }[kind]
    table = pyarrow.table({"image": images, "label": [path.parent.name for path in paths(folder)]})
    parquet.write_table(table, target / "pets.parquet", row_group_size=4)
    return target / "pets.parquet"


def as_parquets(folder: Path, target: Path) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    (target / "pets").mkdir()
    for number in range(3):
        own = paths(folder)[number::3]
        images = [{"bytes": path.read_bytes(), "path": path.name} for path in own]
        table = pyarrow.table({"image": images, "label": [path.parent.name for path in own]})
        parquet.write_table(table, target / f"pets/train-{number:05d}-of-00003.parquet", row_group_size=2)
    return target / "pets"


def as_shards(folder: Path, target: Path) -> Path:
    write_shards(open_data(folder), target / "shards", shard_bytes=10_000)
    assert len(list((target / "shards").glob("*.tar"))) > 2
    return target / "shards"


SOURCES: dict[str, Callable[[Path, Path], Path | str]] = {
    "folder": lambda folder, target: folder,
    "zip": as_zip,
    "tar": as_tar,
    "tar.gz": lambda folder, target: as_tar(folder, target, "tar.gz"),
    "tar.xz": lambda folder, target: as_tar(folder, target, "tar.xz"),
    "list": as_list,
    "csv": as_table,
    "tsv": lambda folder, target: as_table(folder, target, "tsv"),
    "parquet of paths": as_parquet,
    "parquet of bytes": lambda folder, target: as_parquet(folder, target, "bytes"),
    "parquet of Hugging Face": lambda folder, target: as_parquet(folder, target, "hugging face"),
    "folder of parquet": as_parquets,
    "pattern of parquet": lambda folder, target: as_parquets(folder, target) / "train-{00000..00002}-of-*.parquet",
    "address of a zip": lambda folder, target: as_zip(folder, target).as_uri(),
    "address of a tar.gz": lambda folder, target: as_tar(folder, target, "tar.gz").as_uri(),
    "shards": as_shards,
}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, folder: Path, tmp_path: Path) -> DataSplits:
    return open_data(str(SOURCES[request.param](folder, tmp_path)))


def samples(images: ImageSet, workers: int = 0, **options) -> list[tuple[int, bytes]]:
    """Label and tensor of every picture, whatever their order."""
    loader = make_loader(images, SIZE, 5, workers=workers, **options)
    batches = list(loader.epoch(0))
    assert all(pixels.dtype == torch.uint8 for pixels, _ in batches)
    return sorted(
        (int(label), picture.numpy().tobytes())
        for pixels, labels in batches
        for picture, label in zip(pixels, labels, strict=True)
    )


def test_every_source_gives_the_classes_and_tensors_of_the_folder(source: DataSplits, folder: Path) -> None:
    assert source.classes == CLASSES
    assert source.name == "pets"
    assert len(source.train) == 15
    assert samples(source.train) == samples(open_data(folder).train)


def test_every_source_can_be_sent_to_a_process_and_divided(source: DataSplits) -> None:
    images = source.train
    assert samples(pickle.loads(pickle.dumps(images))) == samples(images)
    part = images.subset([7, 2]).subset([1, 0])
    assert [part.name(0), part.name(1)] == [images.name(2), images.name(7)]
    assert part.labels.tolist() == [images.labels[2], images.labels[7]]
    assert part.read(1).tobytes() == images.read(7).tobytes()
    assert part.read(0, 1).mode == "L"


def test_what_is_decoded_is_kept_for_every_source(source: DataSplits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cvp_core.data.decode._WORTH", 1)
    options = {"is_training": True, "augment": "light", "cache_gib": 1.0}
    first = samples(source.train, **options)
    for kind in {type(source.train), FileSet}:
        monkeypatch.setattr(kind, "read", None)  # nothing is decoded any more
    assert samples(source.train, **options) == first


def test_pictures_of_different_places_have_different_stamps(source: DataSplits) -> None:
    assert len({source.train.stamp(index) for index in range(15)}) == 15


@pytest.mark.parametrize("name", ["zip", "tar", "shards"])
def test_forked_workers_read_what_one_process_reads(name: str, folder: Path, tmp_path: Path) -> None:
    images = open_data(str(SOURCES[name](folder, tmp_path))).train
    images.read(0)  # whatever a process opens must not be shared with those that it forks
    assert samples(images, workers=2) == samples(images)
