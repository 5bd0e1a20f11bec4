"""Small pictures in memory: `cvp train` beside a tensor loop written by hand, on Fashion-MNIST.

    python tests/peers/fashion.py [EPOCHS]

Needs Fashion-MNIST (Debian: dataset-fashion-mnist; otherwise it is downloaded) and a quiet machine. For each net it
prints the test accuracy of both and the ratio of their seconds for the epochs alone: both run the same number of
epochs at the same batch size with AdamW, in turn, in one process.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import torch
from torch.nn import functional

import cvp_core
from cvp_core.data import ArraySet, open_data
from cvp_core.train import Callback, plan, train
from cvp_core.train.events import EpochResult

BATCH = 128
RATE = 2e-3


class Seconds(Callback):
    def __init__(self) -> None:
        self.total = 0.0

    def on_epoch(self, result: EpochResult) -> None:
        self.total += result.seconds


def by_hand(model: torch.nn.Module, epochs: int, pixels: torch.Tensor, labels: torch.Tensor) -> float:
    """Seconds of the loop that one writes when everything fits in memory."""
    began = time.perf_counter()
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    steps = len(pixels) // BATCH
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps * epochs)
    for _ in range(epochs):
        order = torch.randperm(len(pixels))
        for step in range(steps):
            chosen = order[step * BATCH : (step + 1) * BATCH]
            loss = functional.cross_entropy(model(pixels[chosen]), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return time.perf_counter() - began


def tensors(images: ArraySet) -> tuple[torch.Tensor, torch.Tensor]:
    pixels = torch.tensor(images.pixels).float().div(255).sub(0.2860).div(0.3530)
    return pixels[:, None], torch.tensor(images.labels)


def main() -> None:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    splits = open_data("fashion-mnist")
    pixels, labels = tensors(splits.train)
    test_pixels, test_labels = tensors(splits.test)
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {epochs} epochs, batch {BATCH}")
    print(f"{'net':<15}{'cvp s':>8}{'whole run s':>13}{'by hand s':>11}{'ratio':>7}{'cvp acc':>9}{'by hand acc':>13}")
    for name in ("oneconv", "multilayer_cnn"):
        with tempfile.TemporaryDirectory() as folder:
            seconds = Seconds()
            given = {"model": name, "data": "fashion-mnist", "epochs": epochs, "batch_size": BATCH}
            result = train(plan(given, runs_dir=Path(folder) / "runs", store=folder), [seconds])
        torch.manual_seed(0)
        model = cvp_core.create_model(name)
        hand = by_hand(model, epochs, pixels, labels)
        with torch.inference_mode():
            accuracy = (model.eval()(test_pixels).argmax(1) == test_labels).float().mean().item()
        ratio = seconds.total / hand
        print(
            f"{name:<15}{seconds.total:8.1f}{result.seconds:13.1f}{hand:11.1f}{ratio:7.2f}"
            f"{result.test_top1:9.3f}{accuracy:13.3f}"
        )


if __name__ == "__main__":
    main()
