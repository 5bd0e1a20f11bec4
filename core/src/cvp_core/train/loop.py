"""The training loop itself: epochs of steps, validation, checkpoints, the best weights kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from ..data.loading import Loader
from ..evaluate import Evaluation, answers_of
from .checkpoint import Checkpointer
from .config import TrainConfig
from .events import EpochResult, Progress
from .freezing import Phase, set_mode, set_trainable
from .interrupt import StopRequest
from .loss import Loss
from .pace import Pace
from .processes import gathered
from .state import TrainingState

__all__ = ["FABRIC_PRECISION", "Feed", "Listener", "Outcome", "fit", "take_step"]

FABRIC_PRECISION: dict[str, Literal["32-true", "bf16-mixed", "16-mixed"]] = {
    "float32": "32-true",
    "bfloat16": "bf16-mixed",
    "float16": "16-mixed",
}

_SECONDS_BETWEEN_REPORTS = 0.25


@dataclass(frozen=True)
class Feed:
    """What a phase computes, and on what.

    network: prepared batches to logits, set up by Fabric. evaluated: the same for the weights that are kept.
    prepare: a loader's batches to the network's input.
    """

    network: nn.Module
    evaluated: Callable[[Tensor], Tensor]
    train: Loader
    val: Loader | None
    prepare: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Listener:
    """Who is told what: the first three as `Callback` has them, `on_best` before the epoch's own."""

    on_progress: Callable[[Progress], None]
    on_epoch: Callable[[EpochResult], None]
    on_best: Callable[[EpochResult], None]


@dataclass
class Outcome:
    """What `fit` leaves besides the state. best: the evaluation of the best epoch, None if that was before a resume."""

    best: Evaluation | None = None
    was_interrupted: bool = False
    stopped_early: bool = False


def fit(
    state: TrainingState,
    phases: list[Phase],
    feed_of: Callable[[Phase], Feed],
    config: TrainConfig,
    loss: Loss,
    *,
    stop: StopRequest,
    checkpointer: Checkpointer | None,
    listener: Listener,
) -> Outcome:
    """Trains from where `state` stands to the end of config.epochs, or until it is stopped.

    An epoch is best by validation accuracy, then by lower validation loss; without validation pictures each epoch is.
    Raises TrainingError where the loss is not finite; what on_best has kept stays.
    """
    outcome = Outcome()
    standing = state.standing
    pace = Pace(state, checkpointer, config.checkpoint_seconds)
    phase, feed = None, None
    while standing.epoch < config.epochs:
        due = [one for one in phases if one.start <= standing.epoch][-1]
        if feed is None or due is not phase:
            phase = due
            set_trainable(state.model, phase.frozen)
            feed = feed_of(phase)
        set_mode(state.model, phase.frozen)
        if not _train_epoch(state, feed, config, loss, stop, pace, listener):
            outcome.was_interrupted = True
            break
        evaluation = _validate(state, feed)
        result = _close_epoch(state, evaluation, config)
        if result.is_best:
            outcome.best = evaluation
            listener.on_best(result)
        listener.on_epoch(result)
        if config.patience is not None and standing.since_best >= config.patience:
            outcome.stopped_early = standing.epoch < config.epochs
            break
        if pace.rests(stop):
            outcome.was_interrupted = standing.epoch < config.epochs
            break
    if outcome.was_interrupted:
        pace.finish()
    return outcome


def _train_epoch(
    state: TrainingState,
    feed: Feed,
    config: TrainConfig,
    loss: Loss,
    stop: StopRequest,
    pace: Pace,
    listener: Listener,
) -> bool:
    """From the standing's step to the epoch's end; False if it was stopped before."""
    standing, sums, fabric = state.standing, state.sums, state.fabric
    epoch, steps = standing.epoch, len(feed.train)
    began = reported = time.perf_counter()
    samples_before, seconds_before = sums.samples, standing.seconds
    for waited, (pixels, labels) in _timed(feed.train.epoch(epoch, standing.step)):
        step = standing.step
        state.set_rate(config.learning_rate * state.schedule.share(epoch * steps + step))
        # What is dropped depends on the step alone, so that a resumed run draws what an uninterrupted one does.
        torch.manual_seed(_step_seed(config.seed, epoch * steps + step, fabric.global_rank))
        images, labels = feed.prepare(pixels), labels.to(fabric.device, non_blocking=True)
        mixed, target = loss.mixed(images, labels, (config.seed, epoch, step * fabric.world_size + fabric.global_rank))
        take_step(state, feed.network, mixed, target, labels, loss, config)
        now = time.perf_counter()
        standing.step += 1
        standing.waited += waited
        standing.seconds = seconds_before + now - began
        if now - reported > _SECONDS_BETWEEN_REPORTS or standing.step == steps:
            reported = now
            speed = (sums.samples - samples_before) * fabric.world_size / (now - began)
            listener.on_progress(Progress(epoch + 1, standing.step, steps, speed, sums.mean_loss(epoch + 1)))
        if pace.rests(stop, epoch * steps + standing.step):
            return False
    return True


def take_step(
    state: TrainingState,
    network: nn.Module,
    images: Tensor,
    target: Tensor,
    labels: Tensor,
    loss: Loss,
    config: TrainConfig,
) -> None:
    """One step of the optimizer on one batch, computed in `grad_accum` parts."""
    fabric = state.fabric
    pieces = list(zip(*(tensor.chunk(config.grad_accum) for tensor in (images, target, labels)), strict=True))
    for number, (some, wanted, classes) in enumerate(pieces, start=1):
        held_back = nullcontext() if number == len(pieces) else fabric.no_backward_sync(network)  # type: ignore[arg-type]
        with held_back:
            logits = network(some)
            value = loss(logits, wanted)
            fabric.backward(value * (len(some) / len(images)))
        state.sums.add(value, logits, classes)
    if config.clip_norm > 0:
        fabric.clip_gradients(network, state.optimizer, max_norm=config.clip_norm, error_if_nonfinite=False)
    state.optimizer.step()
    state.optimizer.zero_grad(set_to_none=True)
    if state.average is not None:
        state.average.update(state.model)


def _close_epoch(state: TrainingState, evaluation: Evaluation | None, config: TrainConfig) -> EpochResult:
    """Counts the epoch as over and says what came of it."""
    standing, sums = state.standing, state.sums
    sums.mean_loss(standing.epoch + 1)
    total_loss, hits, samples = sums.totals(state.fabric)
    val_loss, val_top1 = (evaluation.loss, evaluation.top1) if evaluation else (float("nan"), float("nan"))
    key = (val_top1, -val_loss) if evaluation else (0.0, float(standing.epoch))
    is_best = key > standing.best
    steps = state.schedule.steps
    result = EpochResult(
        epoch=standing.epoch + 1,
        train_loss=total_loss / max(1, samples),
        train_accuracy=hits / max(1, samples),
        val_loss=val_loss,
        val_accuracy=val_top1,
        learning_rate=config.learning_rate * state.schedule.share((standing.epoch + 1) * steps - 1),
        seconds=standing.seconds,
        waited=standing.waited,
        is_best=is_best,
    )
    state.schedule.see(val_loss)
    standing.best = key if is_best else standing.best
    standing.since_best = 0 if is_best else standing.since_best + 1
    standing.history.append(result)
    standing.epoch, standing.step, standing.seconds, standing.waited = standing.epoch + 1, 0, 0.0, 0.0
    sums.reset()
    return result


def _validate(state: TrainingState, feed: Feed) -> Evaluation | None:
    """By the weights that are kept; its seconds count among the epoch's."""
    if feed.val is None:
        return None
    began = time.perf_counter()
    state.begin_evaluation()
    logits, labels = answers_of(feed.evaluated, feed.val, feed.prepare)
    evaluation = Evaluation.of(*(gathered(state.fabric, tensor) for tensor in (logits, labels)))
    state.standing.seconds += time.perf_counter() - began
    return evaluation


def _timed(batches: Iterator[tuple[Tensor, Tensor]]) -> Iterator[tuple[float, tuple[Tensor, Tensor]]]:
    """Each batch with the seconds that it was waited for."""
    while True:
        began = time.perf_counter()
        batch = next(batches, None)
        if batch is None:
            return
        yield time.perf_counter() - began, batch


def _step_seed(seed: int, step: int, rank: int) -> int:
    """Well apart for neighbouring steps and ranks (splitmix64's finaliser), 63 bits."""
    state = (seed * 0x9E3779B97F4A7C15 + step * 0xD1B54A32D192ED03 + rank * 0x94D049BB133111EB + 1) % 2**64
    state = (state ^ (state >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    return (state ^ (state >> 27)) >> 1
