"""The painted birds: once into the cache, never half, also when two processes want them at once."""

from __future__ import annotations

import functools
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from cvp_core.data import birds, open_data
from cvp_core.data.sample import open_birds
from cvp_core.errors import OutputError


@pytest.fixture
def small(monkeypatch) -> None:
    monkeypatch.setattr(birds, "write_sample", functools.partial(birds.write_sample, per_class=2))


@pytest.mark.usefixtures("small")
def test_birds_are_painted_once_and_said_to_be_synthetic(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    splits = open_data("birds")
    folder = tmp_path / "cache" / "datasets" / f"birds-v{birds.VERSION}"
    assert splits.synthetic
    assert splits.classes == tuple(birds.CLASSES)
    assert str(folder) in splits.location
    assert any("synthetic" in note and "./data/birds" in note for note in splits.notes)
    assert splits.recipe["image_size"] == 64
    assert splits.train.read(0).mode == "RGB"
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]

    monkeypatch.setattr(birds, "write_sample", None)
    assert len(open_data("birds").train) == 8


def test_real_birds_take_the_place_of_painted_ones(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr(birds, "write_sample", None)
    monkeypatch.setenv("CVP_DATA", str(tmp_path))
    pictures(tmp_path / "birds", robin=2, wren=2)
    splits = open_data("birds")
    assert (splits.classes, splits.synthetic) == (("robin", "wren"), False)
    assert splits.recipe["image_size"] == 64


def test_an_interruption_leaves_nothing(tmp_path, monkeypatch):
    def interrupted(folder):
        folder.mkdir()
        (folder / "half").touch()
        raise KeyboardInterrupt

    monkeypatch.setattr(birds, "write_sample", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_birds()
    assert list((tmp_path / "cache" / "datasets").iterdir()) == []


def test_two_that_paint_at_once_do_not_clash(tmp_path, monkeypatch):
    write, barrier = birds.write_sample, threading.Barrier(2)

    def together(folder):
        write(folder, per_class=2)
        barrier.wait(timeout=30)

    monkeypatch.setattr(birds, "write_sample", together)
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda _: open_birds(), range(2)))
    assert [len(splits.train) for splits in both] == [8, 8]
    assert len(list((tmp_path / "cache" / "datasets").iterdir())) == 1


def test_a_cache_that_cannot_be_written_is_an_output_error(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "file"))
    with pytest.raises(OutputError, match=r"\$CVP_CACHE"):
        open_birds()
