"""The TensorBoard log, read back by TensorBoard's own reader."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cvp_core.errors import NotInstalledError
from cvp_core.train import TrainConfig
from cvp_core.train import tensorboard as module
from cvp_core.train.events import EpochResult, Progress
from cvp_core.train.tensorboard import TensorBoardLog


def written(run: Path, history: list[EpochResult]) -> EventAccumulator:
    log = TensorBoardLog()
    plan: Any = SimpleNamespace(config=TrainConfig("oneconv", "birds", learning_rate=0.0123))
    log.on_start(plan, run)
    for result in history:
        log.on_progress(Progress(result.epoch, 1, 2, 10.0 * result.epoch, 1.0))
        log.on_epoch(result)
    Image.new("RGB", (30, 20), (255, 0, 0)).save(run / "confusion.png")
    end: Any = SimpleNamespace(run=run, best_epoch=2)
    log.on_end(end)
    found = EventAccumulator(str(run / "tensorboard"))
    found.Reload()
    return found


def test_scalars_stand_at_their_epochs(tmp_path: Path) -> None:
    history = [EpochResult(n, 1 / n, 0.1 * n, 2 / n, 0.2 * n, 1e-3 / n, 1.0, True) for n in (1, 2)]
    found = written(tmp_path, history)

    def scalar(name: str) -> list[tuple[int, float]]:
        return [(event.step, pytest.approx(event.value)) for event in found.Scalars(name)]

    assert scalar("loss/train") == [(1, 1.0), (2, 0.5)]
    assert scalar("loss/val") == [(1, 2.0), (2, 1.0)]
    assert scalar("accuracy/train") == [(1, 0.1), (2, 0.2)]
    assert scalar("accuracy/val") == [(1, 0.2), (2, 0.4)]
    assert scalar("learning_rate") == [(1, 1e-3), (2, 5e-4)]
    assert scalar("images_per_s") == [(1, 10.0), (2, 20.0)]


def test_the_confusion_picture_and_the_settings_are_there(tmp_path: Path) -> None:
    found = written(tmp_path, [])
    (picture,) = found.Images("confusion")
    assert Image.open(io.BytesIO(picture.encoded_image_string)).getpixel((5, 5)) == (255, 0, 0)
    (settings,) = found.Tensors("settings/text_summary")
    assert b"| learning_rate | 0.0123 |" in settings.tensor_proto.string_val[0]


def test_what_was_not_measured_is_left_out(tmp_path: Path) -> None:
    nan = float("nan")
    found = written(tmp_path, [EpochResult(1, 1.0, 0.5, nan, nan, 1e-3, 1.0, True)])
    assert set(found.Tags()["scalars"]) == {"loss/train", "accuracy/train", "learning_rate", "images_per_s"}


def test_where_tensorboard_is_missing_the_pip_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(NotInstalledError, match=r"pip install 'cvp-core\[tensorboard\]'"):
        TensorBoardLog()
