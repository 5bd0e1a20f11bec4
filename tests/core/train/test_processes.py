"""Several processes of one run: the same course as one process with the same global batch."""

from __future__ import annotations

import csv
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cvp_cli.main import main

SIDE = 16
SCRIPT = """
import os, signal, sys
from cvp_core.train import loop
from cvp_cli.main import main
if os.environ.get("KILL_RANK") == os.environ["RANK"]:
    real, done = loop.take_step, [0]
    def step(*arguments):
        real(*arguments)
        done[0] += 1
        if done[0] == 13:
            os.kill(os.getpid(), signal.SIGKILL)
    loop.take_step = step
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    for index, name in enumerate(("a", "b")):
        (tmp_path / "noise" / name).mkdir(parents=True)
        for number in range(25):
            pixels = generator.normal(110 + 40 * index, 40, (SIDE, SIDE, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "noise" / name / f"{number}.png")
    return tmp_path / "noise"


def launch(tmp_path: Path, processes: int, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(processes),
               "--master-addr", "127.0.0.1", "--master-port", str(port), str(script)]  # fmt: skip
    env = {**os.environ, "CVP_WEIGHTS": str(tmp_path / "weights"), "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(
        [*command, *arguments], capture_output=True, text=True, cwd=tmp_path, env=env, timeout=300, check=False
    )


def training(data: Path) -> list[str]:
    return [
        "train", "oneconv", "--data", str(data), "--epochs", "3", "--batch-size", "8", "--image-size", str(SIDE),
        "--augment", "light", "--precision", "float32", "--set", "threads=1", "--set", "crop=1.0",
        "--set", "checkpoint_seconds=0", "--lr", "0.003",
    ]  # fmt: skip


def rows(tmp_path: Path, run: int = 0) -> list[dict[str, str]]:
    folder = sorted((tmp_path / "runs").iterdir())[run]
    return list(csv.DictReader((folder / "metrics.csv").open()))


def alone(folder: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.chdir(folder)
    assert main(list(arguments)) == 0


@pytest.mark.slow
def test_two_processes_train_as_one_does_and_one_resumes_after_another_was_killed(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("one", "two", "killed"):
        (tmp_path / folder).mkdir()
    alone(tmp_path / "one", monkeypatch, *training(pictures))
    whole = launch(tmp_path / "two", 2, *training(pictures))
    assert whole.returncode == 0, whole.stderr[-2000:]
    assert len(list((tmp_path / "two" / "weights").iterdir())) == 1
    broken = launch(tmp_path / "killed", 2, *training(pictures), KILL_RANK="1")
    assert broken.returncode != 0
    (run,) = (tmp_path / "killed" / "runs").iterdir()
    assert f"cvp train --resume runs/{run.name}" in broken.stderr
    alone(tmp_path / "killed", monkeypatch, "train", "--resume", str(run))
    one, two, resumed = rows(tmp_path / "one"), rows(tmp_path / "two"), rows(tmp_path / "killed")
    assert len(one) == len(two) == len(resumed) == 3
    for epoch, others in enumerate(zip(two, resumed, strict=True)):
        for key in ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate"):
            for other in others:
                assert float(other[key]) == pytest.approx(float(one[epoch][key]), abs=1e-4), key
