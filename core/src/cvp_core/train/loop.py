"""The training loop itself: epochs of steps, validation, the best weights kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional

from ..data.loading import Loader, Normalise
from ..errors import TrainingError
from ..evaluate import Evaluation, evaluate_loader
from .config import TrainConfig
from .events import EpochResult, Progress
from .interrupt import StopRequest
from .optim import make_optimizer, schedule_factor

__all__ = ["FABRIC_PRECISION", "Outcome", "fit"]

FABRIC_PRECISION: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "float32": "32-true",
    "bfloat16": "bf16-mixed",
    "float16": "16-mixed",
}

_SECONDS_BETWEEN_REPORTS = 0.25


@dataclass
class Outcome:
    """What `fit` leaves: the epochs in order, the evaluation of the best one, whether it was stopped early."""

    history: list[EpochResult] = field(default_factory=list)
    best: Evaluation | None = None
    was_interrupted: bool = False
    step: int = 0  # steps done in the epoch that was interrupted


def fit(
    fabric: Fabric,
    model: nn.Module,
    train: Loader,
    val: Loader | None,
    normalise: Normalise,
    config: TrainConfig,
    *,
    stop: StopRequest,
    on_best: Callable[[EpochResult], None],
    on_epoch: Callable[[EpochResult], None],
    on_progress: Callable[[Progress], None],
) -> Outcome:
    """Trains `model` in place for config.epochs.

    An epoch is best by validation accuracy, then by lower validation loss; without validation pictures each
    epoch is. Raises TrainingError where the loss is not finite; what on_best has kept stays.
    """
    network, optimizer = fabric.setup(model, make_optimizer(model, config))
    steps = len(train)
    schedule = (steps * config.epochs, round(steps * min(config.warmup_epochs, config.epochs / 4)))
    outcome = Outcome()
    best_key = (-1.0, 0.0)
    for epoch in range(config.epochs):
        began = time.perf_counter()
        network.train()
        sums = _Sums(fabric.device)
        reported = began
        rate = 0.0
        for step, (pixels, labels) in enumerate(train.epoch(epoch), start=1):
            rate = config.learning_rate * schedule_factor(epoch * steps + step - 1, *schedule)
            for group in optimizer.param_groups:
                group["lr"] = rate
            image, target = normalise(pixels), labels.to(fabric.device, non_blocking=True)
            logits = network(image)
            loss = functional.cross_entropy(logits, target, label_smoothing=config.label_smoothing)
            fabric.backward(loss)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            sums.add(loss, logits, target)
            now = time.perf_counter()
            if now - reported > _SECONDS_BETWEEN_REPORTS or step == steps:
                reported = now
                on_progress(Progress(epoch + 1, step, steps, sums.samples / (now - began), sums.check(epoch + 1)))
            if stop.is_set:
                outcome.was_interrupted, outcome.step = True, step
                return outcome
        evaluation = _validate(network, val, normalise)
        loss_value = sums.check(epoch + 1)
        val_loss, val_top1 = (evaluation.loss, evaluation.top1) if evaluation else (float("nan"), float("nan"))
        key = (val_top1, -val_loss) if evaluation else (0.0, float(epoch))
        is_best = key > best_key
        result = EpochResult(
            epoch + 1,
            loss_value,
            sums.accuracy(),
            val_loss,
            val_top1,
            rate,
            time.perf_counter() - began,
            is_best,
        )
        outcome.history.append(result)
        if is_best:
            best_key, outcome.best = key, evaluation
            on_best(result)
        on_epoch(result)
        if stop.is_set:
            outcome.was_interrupted = epoch + 1 < config.epochs
            return outcome
    return outcome


class _Sums:
    """Loss and hits since the epoch began, kept on the device so that a step never waits for it."""

    def __init__(self, device: torch.device) -> None:
        self.loss = torch.zeros((), device=device)
        self.hits = torch.zeros((), device=device, dtype=torch.int64)
        self.samples = 0

    def add(self, loss: Tensor, logits: Tensor, target: Tensor) -> None:
        self.loss += loss.detach() * len(target)
        self.hits += (logits.detach().argmax(1) == target).sum()
        self.samples += len(target)

    def check(self, epoch: int) -> float:
        """The mean loss. Raises TrainingError if it is not finite."""
        mean = self.loss.item() / max(1, self.samples)
        if mean != mean or mean in (float("inf"), float("-inf")):
            raise TrainingError(
                f"the loss became {mean} in epoch {epoch}; the best weights so far are kept. "
                "Try a tenth of the learning rate, or --precision float32"
            )
        return mean

    def accuracy(self) -> float:
        return self.hits.item() / max(1, self.samples)


def _validate(network: nn.Module, val: Loader | None, normalise: Normalise) -> Evaluation | None:
    if val is None:
        return None
    with _evaluating(network):
        return evaluate_loader(network, val, normalise)


@contextmanager
def _evaluating(network: nn.Module) -> Iterator[None]:
    network.eval()
    try:
        yield
    finally:
        network.train()
