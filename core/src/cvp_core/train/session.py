"""One training run from its plan to its files."""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..errors import CvpError
from ..weights.atomic import write_atomically
from .events import Callback, EpochResult
from .interrupt import StopRequest
from .planning import Plan
from .runs import RunFolder, RunRecord, fingerprint

if TYPE_CHECKING:
    from ..evaluate import Evaluation
    from .loop import Outcome
    from .state import TrainingState

__all__ = ["TrainResult", "train"]


@dataclass(frozen=True)
class TrainResult:
    """What a run ended with. Accuracies are shares of 1, None where there were no such pictures."""

    run: Path
    weights: Path | None  # None if the run was stopped before an epoch was over
    epochs: int  # that were finished
    best_epoch: int
    top1: float | None  # of the best epoch, on the validation pictures
    test_top1: float | None
    seconds: float
    was_interrupted: bool = False
    stopped_early: bool = False
    step: int = 0
    memory_mb: float = 0.0  # at most: of the GPU, or of this process
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "run": str(self.run),
            "weights": str(self.weights) if self.weights else None,
            "epochs": self.epochs,
            "best_epoch": self.best_epoch,
            "top1": self.top1,
            "test_top1": self.test_top1,
            "seconds": round(self.seconds, 2),
        }


def train(plan: Plan, callbacks: Sequence[Callback] = ()) -> TrainResult:
    """Runs a plan, or what is left of it. The best weights are kept in the run folder as they appear and published
    at the end.

    SIGINT and SIGTERM stop it after the current step; the store then keeps what it had before, and
    `plan_to_resume` continues. Raises TrainingError where the loss is not finite, MachineError where memory is short.
    """
    from .checkpoint import Checkpointer
    from .computing import computing
    from .feeding import Feeding, evaluation_loader, training_loader
    from .freezing import phases
    from .loop import FABRIC_PRECISION, Listener, fit
    from .loss import make_loss
    from .memory import checkpoint_stages, watched
    from .processes import make_fabric, share_of_processes, shared, told_of_losses
    from .results import save_best
    from .sharded import is_sharded
    from .state import TrainingState

    began = time.perf_counter()
    config, model = plan.config, plan.model
    fabric = make_fabric(plan.device, FABRIC_PRECISION[plan.precision], config.strategy)
    is_first = fabric.global_rank == 0
    run = RunFolder(Path(str(shared(fabric, str(_begin(plan).path) if is_first else ""))))
    listeners = _Listeners(callbacks if is_first else ())
    listeners.tell("on_start", plan, run.path)
    if config.channels_last:
        model.to(memory_format=torch.channels_last)
    if config.checkpoint_activations:
        checkpoint_stages(model)
    if not is_sharded(fabric):
        model.to(fabric.device)
    share = share_of_processes()
    loader = training_loader(plan, share)
    val = evaluation_loader(plan, plan.splits.val, share)
    state = TrainingState(fabric, model, config, len(loader))
    if plan.snapshot is not None:
        state.restore(plan.snapshot)
    feeding = Feeding(fabric, plan, loader, val)
    checkpointer = Checkpointer(run.checkpoint) if is_first else None

    def keep_best(result: EpochResult) -> None:
        kept = state.kept_whole()
        if is_first:
            metrics = {"top1": result.val_accuracy, "loss": result.val_loss, "epoch": result.epoch}
            save_best(run.best_weights, plan, kept, metrics)

    def tell_epoch(result: EpochResult) -> None:
        if is_first:
            run.add_epoch(result)
        listeners.tell("on_epoch", result)

    if is_first:
        run.write_metrics(state.standing.history)
    with (
        StopRequest(lambda: listeners.tell("on_stopping")) as stop,
        computing(plan.threads, config.compile),
        watched(config.batch_size),
        told_of_losses(fabric, run.path),
    ):
        outcome = fit(
            state,
            phases(model, config),
            lambda phase: feeding.feed(state, phase),
            config,
            make_loss(config, plan.splits.train.labels, len(plan.splits.classes), fabric.device),
            stop=stop,
            checkpointer=checkpointer,
            listener=Listener(lambda progress: listeners.tell("on_progress", progress), tell_epoch, keep_best),
        )
        if checkpointer is not None:
            checkpointer.wait()
    notes = [*feeding.notes, *([checkpointer.fault] if checkpointer is not None and checkpointer.fault else [])]
    result = _finish(plan, run, state, outcome, is_first, notes, began)
    result = replace(result, notes=(*result.notes, *listeners.faults))
    listeners.tell("on_end", result)
    return result


def _begin(plan: Plan) -> RunFolder:
    """The run's folder: a new one, or the one that is continued."""
    from .processes import share_of_processes

    if plan.run is not None:
        return plan.run
    run = RunFolder.create(plan.runs_dir, plan.title)
    run.write_config(plan.config)
    record = RunRecord(
        data=fingerprint(plan.splits),
        weights=str(plan.weights.absolute()),
        device=plan.device,
        precision=plan.precision,
        threads=plan.threads,
        folder=str(Path.cwd()),
        processes=share_of_processes()[1],
        preprocess=plan.preprocess.to_json(),
    )
    run.write_record(record)
    return run


def _finish(
    plan: Plan, run: RunFolder, state: TrainingState, outcome: Outcome, is_first: bool, notes: list[str], began: float
) -> TrainResult:
    """Tests and publishes the best weights of a run that is over, and draws what there is to look at."""
    from ..report import Timing
    from .memory import peak_memory_mb
    from .results import draw, evaluate_best

    memory_mb = peak_memory_mb(state.fabric.device)
    history = state.standing.history
    best = next((result for result in reversed(history) if result.is_best), None)
    files: list[Path] = []
    test: Evaluation | None = None
    val = outcome.best
    if best is not None and is_first:
        if not outcome.was_interrupted:
            if val is None:  # the best epoch was before the run was continued
                val = evaluate_best(plan, run, state.fabric.device, plan.splits.val)
            test = evaluate_best(plan, run, state.fabric.device, plan.splits.test)
            write_atomically(plan.weights, run.best_weights.read_bytes())
            run.write_record(replace(run.read_record(), is_finished=True))
            shutil.rmtree(run.checkpoint.parent, ignore_errors=True)
        timing = Timing(seconds=time.perf_counter() - began, peak_memory_mb=memory_mb)
        files = draw(plan, run, history, val, test, timing)
    published = run.best_weights if outcome.was_interrupted else plan.weights
    return TrainResult(
        run=run.path,
        weights=published if best is not None else None,
        epochs=len(history),
        best_epoch=best.epoch if best else 0,
        top1=best.val_accuracy if best and math.isfinite(best.val_accuracy) else None,
        test_top1=test.top1 if test else None,
        seconds=time.perf_counter() - began,
        was_interrupted=outcome.was_interrupted,
        stopped_early=outcome.stopped_early,
        step=state.standing.step,
        memory_mb=memory_mb,
        files=tuple(files),
        notes=tuple(notes),
    )


class _Listeners:
    """Callbacks; one that raises is reported once and then left alone, so that a tracker never ends a run."""

    def __init__(self, callbacks: Sequence[Callback]) -> None:
        self.active = list(callbacks)
        self.faults: list[str] = []

    def tell(self, event: str, *arguments: object) -> None:
        for callback in list(self.active):
            try:
                getattr(callback, event)(*arguments)
            except CvpError:
                raise
            except Exception as error:  # noqa: BLE001 - a plugin's fault
                self.active.remove(callback)
                self.faults.append(f"{type(callback).__name__} was left out after {type(error).__name__}: {error}")
