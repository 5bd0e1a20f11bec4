"""Batches: the same whatever decodes them and wherever an epoch begins, shared among processes, and clear when lost."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cvp_core.data import ArraySet, FileSet, resize_and_crop
from cvp_core.data.colour import Tinted
from cvp_core.data.loading import PictureLoader, make_loader
from cvp_core.data.presets import AUGMENTATIONS
from cvp_core.data.workers import explained, worker_context
from cvp_core.errors import ConfigError, DataError, MachineError
from cvp_core.spec import Preprocess

SIZE = Preprocess((16, 16), 18)
TRAIN = {"is_training": True, "augment": "light", "seed": 5}

Batches = list[tuple[torch.Tensor, torch.Tensor]]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> FileSet:
    """21 noisy photographs whose label is their number."""
    folder = tmp_path_factory.mktemp("photos")
    generator = np.random.default_rng(0)
    for index in range(21):
        pixels = generator.integers(0, 256, (30, 40, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.jpg")
    return FileSet([folder / f"{index}.jpg" for index in range(21)], np.arange(21))


@pytest.fixture
def arrays() -> ArraySet:
    return ArraySet(np.random.default_rng(0).integers(0, 256, (21, 16, 16, 3), dtype=np.uint8), np.arange(21))


def equal(one: Batches, two: Batches) -> bool:
    return len(one) == len(two) and all(
        torch.equal(a, b) for first, second in zip(one, two, strict=True) for a, b in zip(first, second, strict=True)
    )


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_begun_at_a_step_gives_what_the_whole_one_gives_from_there(files: FileSet, workers: int) -> None:
    whole = list(make_loader(files, SIZE, 4, erasing=0.5, **TRAIN).epoch(3))
    assert len(whole) == 5
    resumed = make_loader(files, SIZE, 4, erasing=0.5, workers=workers, **TRAIN)
    for start in (0, 2, 4, 5):
        assert equal(list(resumed.epoch(3, start)), whole[start:])


def test_an_epoch_that_was_left_does_not_show_in_the_next(files: FileSet) -> None:
    left = make_loader(files, SIZE, 4, workers=2, **TRAIN)
    next(left.epoch(0))
    assert equal(list(left.epoch(1)), list(make_loader(files, SIZE, 4, **TRAIN).epoch(1)))


def test_arrays_resume_too_and_are_erased_like_files(arrays: ArraySet) -> None:
    loader = make_loader(arrays, SIZE, 4, is_training=True, augment="shift", erasing=0.9, seed=2)
    whole = list(loader.epoch(1))
    assert equal(list(loader.epoch(1, 3)), whole[3:])
    plain = make_loader(arrays, SIZE, 4, is_training=True, augment="shift", seed=2)
    pairs = zip(torch.cat([one for one, _ in whole]), torch.cat([two for two, _ in plain.epoch(1)]), strict=True)
    assert 14 <= sum(not torch.equal(one, two) for one, two in pairs) <= 20  # of 20, nine in ten


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_every_preset_gives_batches_of_colour_and_of_grey_that_do_not_depend_on_workers(
    files: FileSet, name: str
) -> None:
    for channels in (3, 1):
        preprocess = Preprocess((16, 16), 18, mean=(0.5,) * channels, std=(0.5,) * channels)
        make = {"is_training": True, "augment": name, "seed": 1}
        alone = list(make_loader(files, preprocess, 10, **make).epoch(0))
        assert alone[0][0].shape == (10, 16, 16, channels)
        assert alone[0][0].dtype == torch.uint8
        if channels == 3:
            assert equal(alone, list(make_loader(files, preprocess, 10, workers=1, **make).epoch(0)))


@pytest.mark.parametrize("workers", [0, 1])
def test_colours_that_are_left_to_normalising_are_those_of_the_batches_without(files: FileSet, workers: int) -> None:
    left = list(make_loader(files, SIZE, 4, workers=workers, tinted=True, **TRAIN).epoch(1))
    done = list(make_loader(files, SIZE, 4, **TRAIN).epoch(1))
    for (batch, labels), (pixels, expected) in zip(left, done, strict=True):
        assert isinstance(batch, Tinted)
        assert torch.equal(batch.shown(), pixels)
        assert not torch.equal(batch.pixels, pixels)
        assert torch.equal(labels, expected)
    for augment, channels in (("light", 1), ("medium", 3), ("none", 3)):
        preprocess = Preprocess((16, 16), 18, mean=(0.5,) * channels, std=(0.5,) * channels)
        loader = make_loader(files, preprocess, 4, is_training=True, augment=augment, tinted=True)
        assert isinstance(next(loader.epoch(0))[0], torch.Tensor)


@pytest.mark.parametrize("kind", ["files", "arrays"])
def test_processes_share_each_training_batch_in_equal_contiguous_parts(
    kind: str, request: pytest.FixtureRequest
) -> None:
    images = request.getfixturevalue(kind)
    whole = list(make_loader(images, SIZE, 6, **TRAIN).epoch(2))
    parts = [make_loader(images, SIZE, 6, share=(rank, 3), **TRAIN) for rank in range(3)]
    assert [len(part) for part in parts] == [3, 3, 3]
    together = [
        tuple(torch.cat(pieces) for pieces in zip(*batches, strict=True))
        for batches in zip(*(part.epoch(2) for part in parts), strict=True)
    ]
    assert equal(together, whole)


def test_processes_share_evaluation_so_that_every_picture_is_seen_once(files: FileSet) -> None:
    parts = [make_loader(files, SIZE, 8, share=(rank, 2)) for rank in range(2)]
    seen = [torch.cat([labels for _, labels in part.epoch(0)]).tolist() for part in parts]
    assert seen == [list(range(0, 21, 2)), list(range(1, 21, 2))]
    assert [part.samples for part in parts] == [11, 10]
    assert [len(part) for part in parts] == [3, 3]


def test_a_batch_that_cannot_be_shared_is_told(files: FileSet) -> None:
    with pytest.raises(ConfigError, match="batch_size 10 cannot be shared evenly by 4 processes; give a multiple of 4"):
        make_loader(files, SIZE, 10, share=(0, 4), **TRAIN)
    with pytest.raises(ConfigError, match="rank"):
        make_loader(files, SIZE, 8, share=(2, 2), **TRAIN)
    with pytest.raises(DataError, match="21 training pictures cannot be shared by 32"):
        make_loader(files, SIZE, 32, share=(0, 32), **TRAIN)
    few = [make_loader(files, SIZE, 64, share=(rank, 4), **TRAIN) for rank in range(4)]
    assert [len(next(loader.epoch(0))[1]) for loader in few] == [5, 5, 5, 5]


def labels_of(loader: PictureLoader, epoch: int) -> list[int]:
    return torch.cat([labels for _, labels in loader.epoch(epoch)]).tolist()


def test_balanced_sampling_shows_each_class_alike_often_and_repeats_pictures_evenly() -> None:
    labels = np.array([0] * 70 + [1] * 20 + [4] * 10)
    images = ArraySet(np.arange(100, dtype=np.uint8).reshape(-1, 1, 1), labels)
    grey = Preprocess((1, 1), None, mean=(0.5,), std=(0.5,))
    loader = make_loader(images, grey, 20, is_training=True, sampling="balanced", seed=3)
    for epoch in (0, 1):
        assert sorted(Counter(labels_of(loader, epoch)).values()) == [33, 33, 34]
    shown = Counter(torch.cat([pixels.flatten() for pixels, _ in loader.epoch(0)]).tolist())
    assert all(count == 1 for picture, count in shown.items() if picture < 70)
    assert {shown[picture] for picture in range(70, 90)} == {1, 2}
    assert {shown[picture] for picture in range(90, 100)} <= {3, 4}
    assert labels_of(loader, 0) != labels_of(loader, 1)
    assert labels_of(loader, 0) == labels_of(loader, 0)
    assert sorted(labels_of(make_loader(images, grey, 20, is_training=True), 0)) == labels.tolist()
    with pytest.raises(ConfigError, match="sampling 'rare' is not one of shuffle, balanced"):
        make_loader(images, grey, 20, sampling="rare")


def test_a_picture_that_comes_twice_in_an_epoch_varies_differently(files: FileSet) -> None:
    few = FileSet([files.path(index) for index in range(10)], [0] * 9 + [1])
    loader = make_loader(few, SIZE, 10, sampling="balanced", **TRAIN)
    pixels, labels = next(loader.epoch(0))
    repeats = pixels[labels == 1]
    assert len(repeats) == 5
    assert len({picture.numpy().tobytes() for picture in repeats}) == 5


def test_the_order_says_which_pictures_come_without_decoding_them(files: FileSet) -> None:
    missing = FileSet(["/none/a.jpg"] * 21, files.labels)
    order = list(make_loader(missing, SIZE, 4, sampling="balanced", **TRAIN).order(1, 2))
    shown = make_loader(files, SIZE, 4, sampling="balanced", **TRAIN).epoch(1, 2)
    for (indices, labels), (_, expected) in zip(order, shown, strict=True):
        assert torch.equal(labels, expected)
        assert torch.equal(torch.from_numpy(files.labels)[indices], expected)


def test_evaluation_sees_exactly_the_evaluation_preprocessing(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "large.jpg")
    images = FileSet([tmp_path / "large.jpg"], [0])
    expected = resize_and_crop(Image.open(tmp_path / "large.jpg"), SIZE)
    assert np.array_equal(next(make_loader(images, SIZE, 1).epoch(0))[0][0].numpy(), expected)


@pytest.mark.parametrize("workers", [0, 1])
def test_iterating_does_not_touch_the_global_generator(files: FileSet, workers: int) -> None:
    before = torch.get_rng_state()
    for _ in make_loader(files, SIZE, 4, workers=workers, **TRAIN).epoch(0):
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_picture_ends_the_epoch_by_its_name(files: FileSet, tmp_path: Path, workers: int) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    images = FileSet([files.path(0), tmp_path / "bad.jpg"], [0, 1])
    with pytest.raises(DataError, match=r"bad\.jpg: not a picture .*; mend or remove that picture"):
        list(make_loader(images, SIZE, 1, workers=workers).epoch(0))


@pytest.mark.parametrize("busy_with", ["the next batch", "the next epoch", "something else"])
def test_a_worker_that_the_system_ends_is_told_in_one_line_that_says_what_to_do(files: FileSet, busy_with: str) -> None:
    others = set(multiprocessing.active_children())
    loader = make_loader(files, SIZE, 1, workers=2, **TRAIN)
    batches = loader.epoch(0)
    next(batches)
    (worker, *_) = set(multiprocessing.active_children()) - others

    def lose_it() -> None:
        os.kill(worker.pid, signal.SIGKILL)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if busy_with == "the next batch":
                list(batches)
            elif busy_with == "the next epoch":
                list(loader.epoch(1))

    with pytest.raises(MachineError, match="memory ran out; --workers 0 decodes without") as caught:
        lose_it()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["no worker's", "Caught RuntimeError in DataLoader worker process 0."])
def test_an_error_of_another_kind_keeps_its_type(text: str) -> None:
    with pytest.raises(RuntimeError, match=text), explained():
        raise RuntimeError(text)


def test_the_event_that_ends_workers_is_seen_in_other_processes() -> None:
    context = worker_context()
    flag = context.Event()
    assert not flag.is_set()
    process = context.Process(target=flag.set)
    process.start()
    process.join()
    assert flag.is_set()
