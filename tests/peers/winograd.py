"""OpenVINO in float32 with its own 3x3 convolutions and with ours, by every way to split a batch, in turns.

    python tests/peers/winograd.py [MODEL ...] [--batch 16] [--rounds 8]

Random weights; what `cvp compile --backend openvino --precision float32` makes and chooses from. Images a second by the
median of the rounds, and the fastest of ours beside the fastest of OpenVINO's.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

import cvp_core
from cvp_core.compile import Job
from cvp_core.compile.backends import openvino as backend
from cvp_core.compile.job import Runner
from cvp_core.compile.sample import sample_pictures

MODELS = ("resnet18", "resnet50", "densenet121", "vgg16")
_CALLS = 3  # in a round


def rates(runners: Mapping[Any, Runner], images: np.ndarray, rounds: int) -> dict[Any, float]:
    """Images a second of each way."""
    seconds: dict[Any, list[float]] = {way: [] for way in runners}
    for _ in range(rounds):
        for way, run in runners.items():
            run(images)
            began = time.perf_counter()
            for _ in range(_CALLS):
                run(images)
            seconds[way].append((time.perf_counter() - began) / _CALLS)
    return {way: len(images) / median(took) for way, took in seconds.items()}


def compare(model: str, batch: int, rounds: int) -> None:
    """Prints a line for each way."""
    spec = cvp_core.get_spec(model)
    images = sample_pictures(spec.input_size)[:batch]
    job = Job(spec.input_size, batch_size=batch)
    found: list[dict[Any, float]] = []  # OpenVINO's ways, then the fastest of them and ours

    def fastest(runners: Mapping[Any, Runner], job: Job) -> Any:
        found.append(rates(runners, images, rounds))
        return max(found[-1], key=found[-1].__getitem__)

    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as folder, patch.object(backend, "fastest", fastest):
        backend.compile(cvp_core.create_model(model).eval(), job, Path(folder), images)
    for way, rate in (pair for ways in found for pair in ways.items()):
        kind = "ours" if way.has_winograd else "openvino's"
        print(f"{model:14} {way.plan.streams} x {way.plan.piece:2} pictures, 3x3 {kind:10} {rate:8.1f} images/s")
    ours = max((rate for way, rate in found[-1].items() if way.has_winograd), default=0.0)
    theirs = max(rate for way, rate in found[-1].items() if not way.has_winograd)
    print(f"{model:14} ours / openvino's {ours / theirs:.2f}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=8)
    given = parser.parse_args()
    for model in given.models:
        compare(model, given.batch, given.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
