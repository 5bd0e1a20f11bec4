"""The learning rate by step: the shapes that papers give, and plateau's state."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

from cvp_core.train import TrainConfig
from cvp_core.train.schedules import Schedule


def shares(**settings: object) -> list[float]:
    """Of 10 epochs of 10 steps."""
    config = TrainConfig("m", "d", epochs=10, **settings)  # type: ignore[arg-type]
    schedule = Schedule(config, 10)
    return [schedule.share(step) for step in range(100)]


def test_cosine_warms_up_linearly_peaks_and_falls_to_zero() -> None:
    found = shares(schedule="cosine", warmup_epochs=1)
    assert found[0] == pytest.approx(1 / 11)
    assert max(found) == found[10] == 1
    assert found[55] == pytest.approx(0.5)
    assert found[99] < 1e-3
    assert all(a >= b for a, b in itertools.pairwise(found[10:]))


def test_warm_up_takes_at_most_a_quarter() -> None:
    assert shares(schedule="constant", warmup_epochs=9).index(1.0) == 25


def test_one_cycle_is_pytorchs() -> None:
    parameter = torch.nn.Parameter(torch.zeros(()))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    theirs = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=100, pct_start=0.3, div_factor=25)
    expected = []
    for _ in range(100):
        expected.append(theirs.get_last_lr()[0])
        optimizer.step()
        theirs.step()
    assert shares(schedule="one-cycle") == pytest.approx(expected, abs=1e-5)


def test_step_falls_by_the_factor_every_so_many_epochs() -> None:
    found = shares(schedule="step", step_epochs=4, step_factor=0.1, warmup_epochs=0)
    assert found == pytest.approx([1.0] * 40 + [0.1] * 40 + [0.01] * 20)


def test_plateau_is_pytorchs() -> None:
    losses = [1.0, 0.8, 0.9, 0.9, 0.9, 0.7, 0.71, 0.72, 0.73, 0.74]
    schedule = Schedule(TrainConfig("m", "d", schedule="plateau", step_epochs=2, step_factor=0.5, warmup_epochs=0), 10)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(()))], lr=1.0)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, threshold=0)
    for loss in losses:
        schedule.see(loss)
        theirs.step(loss)
        assert schedule.share(5) == pytest.approx(optimizer.param_groups[0]["lr"])
    assert schedule.share(5) < 0.5
    schedule.see(math.nan)  # no validation pictures


def test_plateau_goes_on_where_it_stood() -> None:
    config = TrainConfig("m", "d", schedule="plateau", step_epochs=2)
    first, second = Schedule(config, 10), Schedule(config, 10)
    for loss in (1.0, 1.1, 1.2, 1.3):
        first.see(loss)
    second.restore(first.to_json())
    for schedule in (first, second):
        schedule.see(1.4)
    assert second == first
