"""What is shown before a run: a batch as the network gets it, and the learning rates that it can take."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cvp_core.train import Plan, plan
from cvp_core.train.rehearsal import _read, draw_batch, find_rate


@pytest.fixture
def made(tmp_path: Path) -> Plan:
    generator = np.random.default_rng(0)
    for index, name in enumerate(("dark", "bright")):
        (tmp_path / "data" / name).mkdir(parents=True)
        for number in range(12):
            pixels = generator.normal(80 + 90 * index, 10, (16, 16, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(tmp_path / "data" / name / f"{number}.png")
    given = {"model": "oneconv", "data": str(tmp_path / "data"), "image_size": 16, "batch_size": 4, "crop": 1.0}
    return plan({**given, "augment": "none", "threads": 1}, runs_dir=tmp_path / "runs")


def test_the_batch_is_drawn_with_the_pixels_that_the_network_gets(made: Plan, tmp_path: Path) -> None:
    page = np.asarray(Image.open(draw_batch(made, tmp_path / "batch.png")).convert("L"), np.float32)
    pictures = page[6 : 6 + 128, 6:]
    tiles = [pictures[:, start : start + 128].mean() for start in range(0, 4 * 134, 134)]
    assert all(abs(mean - 80) < 10 or abs(mean - 170) < 10 for mean in tiles)


def test_the_range_test_leaves_the_model_alone_and_suggests_below_the_limit(made: Plan, tmp_path: Path) -> None:
    before = {key: tensor.clone() for key, tensor in made.model.state_dict().items()}
    seen: list[int] = []
    found = find_rate(made, tmp_path / "lr.png", lambda step, steps: seen.append(step))
    assert 1e-6 <= found.suggestion < found.limit <= 1
    assert seen[-1] == len(found.rates)
    assert Image.open(found.picture).width > 300
    assert all(torch.equal(tensor, before[key]) for key, tensor in made.model.state_dict().items())


def test_the_suggestion_is_where_the_loss_falls_most_steeply() -> None:
    rates = [10 ** (-6 + 6 * step / 99) for step in range(100)]
    losses = [2 / (1 + math.exp(4 * (math.log10(rate) + 3))) + max(0.0, math.log10(rate) + 1) * 9 for rate in rates]
    suggestion, limit = _read(rates, losses)
    assert suggestion == pytest.approx(1e-3, rel=0.2)
    assert limit == pytest.approx(1e-1, rel=0.3)
