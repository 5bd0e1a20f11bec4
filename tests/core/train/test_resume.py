"""A run that is stopped at any step and continued ends with the same weights, to the bit, as one that was not."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from csv import DictReader
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save as to_bytes

from cvp_core.errors import ConfigError, DataError, MachineError, WeightsError
from cvp_core.train import Callback, Plan, TrainResult, plan, plan_to_resume, train
from cvp_core.train import loop as loop_module
from cvp_core.train import state as state_module
from cvp_core.train.checkpoint import Checkpointer, Snapshot, read_snapshot
from cvp_core.train.events import Progress

SIDE = 32
# Norms, dropout, an average, mixing, clipping and augmentation: whatever could be forgotten in a checkpoint.
SETTINGS = {
    "model": "mobilenetv2_050", "epochs": 3, "batch_size": 8, "image_size": SIDE, "crop": 1.0, "threads": 1,
    "augment": "light", "mixup": 0.2, "cutmix": 1.0, "ema": 0.9, "clip_norm": 1.0, "label_smoothing": 0.1,
    "precision": "float32", "checkpoint_seconds": 0, "schedule": "plateau", "step_epochs": 1,
}  # fmt: skip


# A process of its own: a fork of one that has computed gradients in threads may compute none.
SCRIPT = """
import json, os, signal, sys
from cvp_core.train import loop, plan, plan_to_resume, train

request = json.loads(sys.argv[1])
done, real = [0], loop.take_step

def counted(*arguments):
    real(*arguments)
    done[0] += 1
    if done[0] == request["step"]:
        os.kill(os.getpid(), signal.SIGKILL)

loop.take_step = counted
if "resume" in request:
    train(plan_to_resume(request["resume"]))
else:
    train(plan(request["given"], runs_dir=request["runs"], store=request["store"]))
"""


@dataclass(frozen=True)
class Ending:
    """What must not depend on interruptions: the last weights, the published ones, and what was measured on the way."""

    last: bytes
    published: bytes
    metrics: list[dict[str, str]]


@pytest.fixture(scope="module")
def uninterrupted(noise: Path, tmp_path_factory: pytest.TempPathFactory) -> Ending:
    return ending(planned(noise, tmp_path_factory.mktemp("whole")))


def planned(data: Path, tmp_path: Path, **changes: object) -> Plan:
    given = {**SETTINGS, "data": str(data), **changes}
    return plan(given, runs_dir=tmp_path / "runs", store=tmp_path / "weights")


def begin(data: Path, tmp_path: Path, *callbacks: Callback, **changes: object) -> TrainResult:
    return train(planned(data, tmp_path, **changes), callbacks)


def ending(made: Plan) -> Ending:
    result = train(made)
    assert result.weights is not None
    with (result.run / "metrics.csv").open() as file:
        rows = [
            {key: text for key, text in row.items() if key not in ("seconds", "waited")} for row in DictReader(file)
        ]
    state = {key: tensor.contiguous() for key, tensor in made.model.state_dict().items()}
    return Ending(to_bytes(state), result.weights.read_bytes(), rows)


def killed(step: int, tmp_path: Path, data: Path | None = None, **changes: object) -> None:
    """Begins a run on `data`, or continues the one that is there, in a process that SIGKILL ends in that step."""
    request: dict[str, object] = {"step": step, "runs": str(tmp_path / "runs"), "store": str(tmp_path / "weights")}
    if data is None:
        request["resume"] = str(only_run(tmp_path))
    else:
        request["given"] = {**SETTINGS, "data": str(data), **changes}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps(request)], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]


def only_run(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "runs").iterdir()
    return folder


@pytest.mark.parametrize("workers", [0, 2])
def test_killed_at_any_steps_the_resumed_run_ends_with_the_same_weights(
    noise: Path, tmp_path: Path, uninterrupted: Ending, workers: int
) -> None:
    generator = np.random.default_rng(workers)
    killed(int(generator.integers(1, 9)), tmp_path, noise, workers=workers)
    killed(int(generator.integers(1, 3)), tmp_path)
    assert ending(plan_to_resume(only_run(tmp_path))) == uninterrupted
    assert not (only_run(tmp_path) / "checkpoints").exists()


def test_killed_before_the_first_checkpoint_it_begins_again(noise: Path, tmp_path: Path, uninterrupted: Ending) -> None:
    killed(2, tmp_path, noise, checkpoint_seconds=1000)
    assert not (only_run(tmp_path) / "checkpoints").exists()
    assert ending(plan_to_resume(only_run(tmp_path))) == uninterrupted


class StopAt(Callback):
    def __init__(self, number: int) -> None:
        self.number, self.done = number, False

    def on_progress(self, progress: Progress) -> None:
        if not self.done and progress.epoch == 2:
            self.done = True
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_step_and_the_resumed_run_ends_with_the_same_weights(
    noise: Path, tmp_path: Path, uninterrupted: Ending, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "_SECONDS_BETWEEN_REPORTS", 0.0)
    stopped = begin(noise, tmp_path, StopAt(number), checkpoint_seconds=1000)
    assert stopped.was_interrupted
    assert (stopped.epochs, stopped.step) == (1, 1)
    facts = read_snapshot(stopped.run / "checkpoints" / "last.safetensors").facts
    assert (facts["standing"]["epoch"], facts["standing"]["step"]) == (1, 1)
    assert ending(plan_to_resume(stopped.run)) == uninterrupted


def test_a_full_disk_keeps_the_checkpoint_before_and_the_run_goes_on(
    noise: Path, tmp_path: Path, uninterrupted: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cvp_core.train import checkpoint

    def full(path: Path, content: bytes) -> None:
        raise MachineError(f"cannot write {path}: no space left on device")

    monkeypatch.setattr(checkpoint, "write_atomically", full)
    result = begin(noise, tmp_path)
    assert result.weights is not None
    assert result.weights.read_bytes() == uninterrupted.published
    assert any("no space left" in note for note in result.notes)


def test_checkpoints_hold_no_pickle_and_damaged_ones_are_told(tmp_path: Path) -> None:
    path = tmp_path / "run" / "checkpoints" / "last.safetensors"
    writer = Checkpointer(path)
    writer.write(Snapshot({"model.a": torch.arange(3.0)}, {"standing": {}}))
    writer.wait()
    content = path.read_bytes()
    assert json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["model.a"]["dtype"] == "F32"
    assert torch.equal(read_snapshot(path).below("model")["a"], torch.arange(3.0))
    path.write_bytes(content[:-2])
    with pytest.raises(WeightsError, match="is damaged"):
        read_snapshot(path)


def test_what_is_over_changed_or_no_run_is_refused(noise: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no run folder"):
        plan_to_resume(tmp_path)
    over = begin(noise, tmp_path, epochs=1)
    with pytest.raises(ConfigError, match="is finished; to train further start from it: --weights"):
        plan_to_resume(over.run)
    record = json.loads((over.run / "run.json").read_text())
    (over.run / "run.json").write_text(json.dumps({**record, "is_finished": False, "data": "other"}))
    with pytest.raises(DataError, match=r"are not those that .* was started with"):
        plan_to_resume(over.run)


def test_moments_get_their_parameters_memory_layout(noise: Path, tmp_path: Path) -> None:
    """A fused optimizer reads parameter and moment side by side, whatever their strides say."""
    kept: list[state_module.TrainingState] = []
    real = state_module.TrainingState.restore

    def restore(self: state_module.TrainingState, snapshot: Snapshot) -> None:
        real(self, snapshot)
        kept.append(self)

    killed(3, tmp_path, noise)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(state_module.TrainingState, "restore", restore)
        train(plan_to_resume(only_run(tmp_path)))
    (state,) = kept
    for parameter, moments in state.optimizer.state.items():
        assert moments["exp_avg"].stride() == parameter.stride()
