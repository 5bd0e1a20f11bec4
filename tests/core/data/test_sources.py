"""Sets of pictures: what reading, naming and subsetting give."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from cvp_core.data import ArraySet, FileSet
from cvp_core.errors import DataError


@pytest.fixture
def files(tmp_path) -> FileSet:
    paths = [tmp_path / name for name in ("a.png", "鸟.png", "c.png")]
    for shade, path in enumerate(paths):
        Image.new("RGB", (4, 3), (shade, 0, 0)).save(path)
    return FileSet(paths, [0, 1, 0])


@pytest.fixture
def arrays() -> ArraySet:
    pixels = np.stack([np.full((3, 4, 3), shade, np.uint8) for shade in range(3)])
    return ArraySet(pixels, [0, 1, 0], "toy")


@pytest.mark.parametrize("kind", ["files", "arrays"])
def test_a_subset_keeps_pictures_labels_and_names_together(kind, request):
    images = request.getfixturevalue(kind)
    subset = images.subset([2, 1]).subset(np.array([1, 0]))
    assert len(subset) == 2
    assert subset.labels.tolist() == [1, 0]
    assert subset.labels.dtype == np.int64
    assert [subset.name(i) for i in (0, 1)] == [images.name(i) for i in (1, 2)]
    assert [subset.read(i).getpixel((0, 0))[0] for i in (0, 1)] == [1, 2]


@pytest.mark.parametrize("kind", ["files", "arrays"])
def test_a_set_survives_pickling_to_a_worker(kind, request):
    images = request.getfixturevalue(kind)
    copy = pickle.loads(pickle.dumps(images))
    assert [copy.name(i) for i in range(3)] == [images.name(i) for i in range(3)]
    assert copy.read(2).tobytes() == images.read(2).tobytes()


def test_one_channel_pictures_are_read_as_asked():
    images = ArraySet(np.full((2, 3, 4, 1), 7, np.uint8), [0, 1])
    assert images.pixels.shape == (2, 3, 4)
    assert images.read(0, channels=1).mode == "L"
    assert images.read(0).getpixel((0, 0)) == (7, 7, 7)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "bad.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"bad\.jpg: empty file"):
        FileSet([tmp_path / "bad.jpg"], [0]).read(0)


def test_a_name_that_is_not_utf8_can_be_opened_and_printed(tmp_path):
    path = bytes(tmp_path) + b"/\xff.png"
    with open(path, "wb") as file:
        Image.new("L", (2, 2)).save(file, "PNG")
    images = FileSet([path], [0])
    assert images.read(0).size == (2, 2)
    assert images.name(0).encode("utf-8").endswith("\ufffd.png".encode())


def test_labels_must_be_one_for_each_picture():
    with pytest.raises(DataError, match="3 pictures"):
        ArraySet(np.zeros((3, 4, 4), np.uint8), [0, 1])
    with pytest.raises(DataError, match="1 pictures"):
        FileSet(["a"], [])


@pytest.mark.parametrize("pixels", [np.zeros((2, 4, 4)), np.zeros((2, 4, 4, 2), np.uint8), np.zeros(3, np.uint8)])
def test_other_arrays_are_refused_with_what_is_allowed(pixels):
    with pytest.raises(DataError, match=r"allowed are uint8 \(N, H, W\)"):
        ArraySet(pixels, [0, 1])


def test_a_million_paths_cost_little_more_than_their_characters():
    paths = [f"/data/train/class/{n:07d}.jpg" for n in range(100_000)]
    images = FileSet(paths, np.zeros(len(paths), np.int64))
    assert len(pickle.dumps(images)) < len(paths) * (len(paths[0]) + 8 * 3 + 1)


def test_opening_and_reading_a_folder_needs_no_torch(tmp_path, pictures):
    pictures(tmp_path / "d", cat=2, dog=2)
    code = (
        "import sys; from cvp_core.data import open_data, with_validation\n"
        "from cvp_core.data.preprocess import apply; from cvp_core import Preprocess\n"
        f"splits = with_validation(open_data({str(tmp_path / 'd')!r}), 0.5, 0)\n"
        "apply(splits.val.read(0), Preprocess()); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
