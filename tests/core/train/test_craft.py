"""The settings of the craft do what their papers and PyTorch's own say, and what saves memory changes no result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import cvp_core
from cvp_core.data import ArraySet, DataSplits
from cvp_core.errors import DataError, MachineError
from cvp_core.train import Plan, TrainConfig, TrainResult, plan, train
from cvp_core.train.averaging import Average
from cvp_core.train.loss import Loss, balanced_weights
from cvp_core.train.memory import watched
from cvp_core.train.optim import make_optimizer
from cvp_core.train.planning import _check_labels

SIDE = 32


def trained(data: Path, tmp_path: Path, **changes: object) -> tuple[TrainResult, dict[str, torch.Tensor]]:
    made = planned(data, tmp_path, **changes)
    return train(made), made.model.state_dict()


def planned(data: Path, tmp_path: Path, **changes: object) -> Plan:
    given = {
        "model": "mobilenetv2_050", "data": str(data), "epochs": 2, "batch_size": 8, "image_size": SIDE, "crop": 1.0,
        "threads": 1, "augment": "none", "precision": "float32", **changes,
    }  # fmt: skip
    return plan(given, runs_dir=tmp_path / "runs", store=tmp_path / "weights")


def test_activations_that_are_computed_again_change_no_bit(noise: Path, tmp_path: Path) -> None:
    _, plain = trained(noise, tmp_path)
    _, again = trained(noise, tmp_path, checkpoint_activations=True)
    different = [key for key, tensor in plain.items() if not torch.equal(tensor, again[key])]
    assert not different


@pytest.mark.parametrize("parts_asked", [3, 5])  # of 8 noise: 3, 3 and 2; 2, 2, 2 and 2
def test_a_batch_in_parts_is_the_whole_batchs_step(noise: Path, tmp_path: Path, parts_asked: int) -> None:
    """For a network without batch norm, whose statistics are those of a part."""
    _, whole = trained(noise, tmp_path, model="oneconv", optimizer="sgd")
    _, parts = trained(noise, tmp_path, model="oneconv", optimizer="sgd", grad_accum=parts_asked)
    for key, tensor in whole.items():
        torch.testing.assert_close(parts[key], tensor, atol=1e-6, rtol=1e-5)


def test_it_stops_where_validation_does_not_get_better(noise: Path, tmp_path: Path) -> None:
    result, _ = trained(noise, tmp_path, model="oneconv", learning_rate=0.0, epochs=9, patience=2)
    assert (result.epochs, result.best_epoch, result.stopped_early, result.was_interrupted) == (3, 1, True, False)
    assert result.weights is not None
    assert result.weights.is_file()


def test_the_average_follows_its_definition() -> None:
    model = nn.BatchNorm1d(1)
    average = Average(model, 0.9)
    expected = 1.0
    for step in range(20):
        with torch.no_grad():
            model.weight.fill_(step)
            model.num_batches_tracked.fill_(step)
        average.update(model)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
        assert average.model.weight.item() == pytest.approx(expected, rel=1e-5)
    assert average.model.num_batches_tracked.item() == 19
    assert not average.model.weight.requires_grad


def test_balanced_weights_make_every_class_count_alike() -> None:
    labels = np.array([0] * 6 + [1] * 3 + [3])
    weights = balanced_weights(labels, 4)
    assert weights.tolist() == pytest.approx([10 / (4 * 6), 10 / (4 * 3), 0, 10 / 4])
    sums = [float(weights[label]) * (labels == label).sum() for label in (0, 1, 3)]
    assert sums == pytest.approx([2.5, 2.5, 2.5])


def test_the_loss_of_mixed_labels_is_the_mixture_of_losses() -> None:
    logits, labels = torch.randn(4, 3), torch.tensor([0, 1, 2, 0])
    loss = Loss(None, 0.0, None)
    other = labels.roll(1)
    soft = 0.3 * nn.functional.one_hot(labels, 3) + 0.7 * nn.functional.one_hot(other, 3)
    assert loss(logits, soft).item() == pytest.approx(
        0.3 * loss(logits, labels).item() + 0.7 * loss(logits, other).item()
    )


@pytest.mark.parametrize(
    "name, kind", [("adam", torch.optim.Adam), ("adamw", torch.optim.AdamW), ("sgd", torch.optim.SGD)]
)
def test_an_optimizer_is_pytorchs(name: str, kind: type) -> None:
    optimizer = make_optimizer(cvp_core.create_model("linear"), TrainConfig("m", "d", optimizer=name))
    assert type(optimizer) is kind


def test_lion_moves_every_weight_by_the_learning_rate() -> None:
    """Chen et al. 2023, algorithm 2: the sign of the update, without decay here."""
    pytest.importorskip("timm")
    model = cvp_core.create_model("linear")
    before = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = make_optimizer(model, TrainConfig("m", "d", optimizer="lion", learning_rate=0.01, weight_decay=0.0))
    model(torch.rand(8, 1, 28, 28)).square().sum().backward()
    optimizer.step()
    for parameter, old in zip(model.parameters(), before, strict=True):
        assert (parameter - old).abs().unique().tolist() == pytest.approx(
            [0.01] * len((parameter - old).abs().unique()), abs=1e-6
        )


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_too_little_memory_is_told_with_a_smaller_batch(error: Exception) -> None:
    with pytest.raises(MachineError, match=r"out of memory with 64 pictures a batch; try --batch-size 32"), watched(64):
        raise error


def test_other_errors_of_torch_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), watched(64):
        raise RuntimeError("shapes differ")


def test_a_label_outside_of_the_classes_is_told_before_anything_runs() -> None:
    images = ArraySet(np.zeros((3, 4, 4), np.uint8), [0, 7, 1], "digit")
    with pytest.raises(DataError, match="digit #1 has the label 7; odd has 2 classes, so allowed is 0 to 1"):
        _check_labels(DataSplits("odd", ("a", "b"), images, None, None, "here"))
