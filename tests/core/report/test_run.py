"""The report of a real run, out of its plan."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cvp_core.evaluate import Evaluation
from cvp_core.report import Timing, report_run
from cvp_core.train import plan
from cvp_core.train.events import EpochResult


def test_a_plan_and_its_results_make_a_whole_report(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for name in ("bright", "dark"):
        (tmp_path / "shades" / name).mkdir(parents=True)
        for index in range(10):
            pixels = generator.integers(0, 128, (12, 12, 3)) + (127 if name == "bright" else 0)
            Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "shades" / name / f"{index}.png")
    made = plan(
        {"model": "oneconv", "data": str(tmp_path / "shades"), "epochs": 1, "image_size": 12, "seed": 5},
        runs_dir=tmp_path / "runs",
    )
    images = made.splits.val
    assert images is not None
    labels = torch.from_numpy(images.labels)
    wrong = Evaluation(0.0, 1.0, 1.0, len(labels), labels, 1 - labels, torch.full((len(labels),), 0.75), 2)
    history = [EpochResult(1, 0.7, 0.5, 0.6, 0.0, 1e-3, 2.0, True, waited=0.5)]
    report_run(made, tmp_path / "report.html", history, wrong, images, model=made.model, timing=Timing(seconds=3.0))
    shown = (tmp_path / "report.html").read_text()
    names = {"cvp-classic", "bright", "12x12", "shades", f"{made.parameters:,} parameters", "25.0\u202f%", "3.0\u00a0s"}
    assert {name for name in names if name not in shown} == set()
    assert shown.count("data:image/jpeg") >= len(labels)  # each is a mistake
    assert str(tmp_path.home()) not in shown
