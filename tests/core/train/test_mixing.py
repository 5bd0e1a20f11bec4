"""Mixing pictures: weights, rectangles and labels as the papers have them, from a key alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from cvp_core.errors import ConfigError
from cvp_core.train.mixing import Mixing

CLASSES = 5


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Each picture is one value, its label: so pixels tell what was mixed."""
    labels = torch.tensor([0, 1, 2, 3, 4, 0, 1, 2])
    return labels.float().view(-1, 1, 1, 1).expand(-1, 3, 16, 12).clone(), labels


def test_mixup_weighs_pictures_and_labels_alike(batch) -> None:
    images, labels = batch
    for step in range(20):
        mixed, targets = Mixing(0.4, 0.0, CLASSES)(images, labels, (0, 0, step))
        expected = (targets * torch.arange(CLASSES)).sum(1)
        assert torch.allclose(mixed, expected.view(-1, 1, 1, 1).expand_as(mixed), atol=1e-5)
        assert torch.allclose(targets.sum(1), torch.ones(8))
        assert torch.equal(images, batch[0])


def test_cutmix_weighs_labels_by_the_area_that_is_left(batch) -> None:
    images, labels = batch
    kinds = set()
    for step in range(30):
        mixed, targets = Mixing(0.0, 1.0, CLASSES)(images, labels, (0, 0, step))
        for picture, label, target in zip(mixed, labels, targets, strict=True):
            foreign = picture[0] != label
            rows, columns = foreign.any(1).nonzero(), foreign.any(0).nonzero()
            if len(rows):
                assert foreign.sum() == len(rows) * len(columns)  # one rectangle
                partner = int(picture[0][foreign][0])
                assert target[partner] == pytest.approx(foreign.float().mean().item(), abs=1e-6)
                kinds.add(len(rows) * len(columns))
            assert target.sum() == pytest.approx(1)
    assert len(kinds) > 10


def test_mixups_weight_follows_the_beta_distribution() -> None:
    images, labels = torch.zeros(2, 1, 1, 1), torch.tensor([0, 1])
    mix = Mixing(0.3, 0.0, 2)
    weights = []
    for step in range(4000):
        _, targets = mix(images, labels, (1, 2, step))
        weights.append(targets[0, 0].item())
    moved = np.array([weight for weight in weights if weight != 1])  # the other half has itself as partner
    assert 1800 < len(moved) < 2200
    assert moved.mean() == pytest.approx(0.5, abs=0.03)
    assert moved.var() == pytest.approx(1 / (4 * (2 * 0.3 + 1)), abs=0.01)  # of Beta(a, a)


def test_with_both_each_batch_draws_one_of_them(batch) -> None:
    images, labels = batch
    both = Mixing(1.0, 1.0, CLASSES)
    is_cut = [bool((both(images, labels, (0, 0, s))[0] % 1 == 0).all()) for s in range(100)]
    assert 30 < sum(is_cut) < 70


def test_the_key_decides_and_the_global_generators_are_not_touched(batch) -> None:
    images, labels = batch
    both = Mixing(0.2, 1.0, CLASSES)
    torch.manual_seed(0)
    np.random.seed(0)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    first, again = both(images, labels, (1, 2, 3)), both(images, labels, (1, 2, 3))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.array_equal(np.random.get_state()[1], before[1])
    for key in ((0, 2, 3), (1, 0, 3), (1, 2, 4)):
        assert not torch.equal(both(images, labels, key)[0], first[0])


def test_channels_last_stays_and_cross_entropy_takes_the_labels(batch) -> None:
    images, labels = batch
    images = images.contiguous(memory_format=torch.channels_last)
    for mix in (Mixing(1.0, 0.0, CLASSES), Mixing(0.0, 1.0, CLASSES)):
        mixed, targets = mix(images, labels, (0, 0, 1))
        assert mixed.is_contiguous(memory_format=torch.channels_last)
        assert functional.cross_entropy(torch.zeros(8, CLASSES), targets, label_smoothing=0.1) == pytest.approx(
            np.log(CLASSES), abs=1e-5
        )


def test_without_alphas_nothing_is_mixed_and_a_negative_one_is_told(batch) -> None:
    images, labels = batch
    same, targets = Mixing(0.0, 0.0, CLASSES)(images, labels, (0, 0, 0))
    assert torch.equal(same, images)
    assert torch.equal(targets, functional.one_hot(labels, CLASSES).float())
    with pytest.raises(ConfigError, match=r"cutmix is -1\.0; allowed is at least 0"):
        Mixing(0.0, -1.0, CLASSES)
