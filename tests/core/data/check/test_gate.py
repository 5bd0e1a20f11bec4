"""What training is told of its splits before it starts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cvp_core.data import open_data, with_validation
from cvp_core.data.check import examine
from cvp_core.data.check.gate import refuse_spoilt, warnings_of
from cvp_core.errors import DataError

Photos = Callable[[Path, dict[str, int | bytes]], Path]

SOUND: dict[str, int | bytes] = {
    "train/a/0.png": 0,
    "train/a/1.png": 1,
    "train/b/2.png": 2,
    "train/b/3.png": 3,
    "val/a/4.png": 4,
    "val/a/5.png": 5,
    "val/b/6.png": 6,
    "val/b/7.png": 7,
}


def test_sound_and_unknown_splits_give_no_warning_and_no_refusal(tmp_path: Path, photos: Photos) -> None:
    splits = open_data(photos(tmp_path / "d", SOUND))
    assert warnings_of(splits) == ()
    refuse_spoilt(splits)
    assert warnings_of(splits) == ()


def test_a_picture_in_two_splits_is_refused_and_from_then_on_warned_of(tmp_path: Path, photos: Photos) -> None:
    splits = open_data(photos(tmp_path / "d", SOUND | {"val/b/copy.png": 0, "train/a/bad.png": b"x"}))
    assert warnings_of(splits) == ()  # not known yet
    with pytest.raises(DataError, match="1 unreadable, 2 the same in two splits"):
        refuse_spoilt(splits)
    (warning,) = warnings_of(splits)
    assert "of 10 pictures 1 unreadable, 2 the same in two splits" in warning
    assert "bad.png" in warning


def test_a_validation_set_that_is_drawn_counts_as_a_split(tmp_path: Path, photos: Photos) -> None:
    root = photos(tmp_path / "d", {"a/1.png": 1, "a/2.png": 1, "b/1.png": 3, "b/2.png": 4})
    splits = with_validation(open_data(root), 0.5)
    examine(open_data(root))
    assert "2 the same in two splits" in warnings_of(splits)[0]
    assert warnings_of(open_data(root)) == ()
    with pytest.raises(DataError, match="--group-duplicates"):
        refuse_spoilt(splits)


def test_the_same_picture_in_two_classes_is_warned_of_but_not_refused(tmp_path: Path, photos: Photos) -> None:
    splits = open_data(photos(tmp_path / "d", SOUND | {"train/b/copy.png": 0}))
    refuse_spoilt(splits)
    assert "2 the same in two classes" in warnings_of(splits)[0]
