"""One training run from its plan to its files."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..data import ImageSet
from ..errors import CvpError
from ..machine import computing_threads
from ..weights.atomic import write_atomically
from .events import Callback, EpochResult
from .interrupt import StopRequest
from .planning import Plan
from .runs import RunFolder

if TYPE_CHECKING:
    from ..data.loading import Loader
    from ..evaluate import Evaluation

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
    step: int = 0
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
    """Runs a plan. The best weights are kept in the run folder as they appear and published at the end.

    SIGINT and SIGTERM stop it after the current step; the store then keeps what it had before.
    Raises TrainingError where the loss is not finite.
    """
    from lightning_fabric import Fabric

    from ..data.loading import Normalise, make_loader
    from .loop import FABRIC_PRECISION, fit

    began = time.perf_counter()
    config, model = plan.config, plan.model
    run = RunFolder.create(plan.runs_dir, plan.title)
    run.write_config(config)
    listeners = _Listeners(callbacks)
    listeners.tell("on_start", plan, run.path)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it would announce the precision again
    fabric = Fabric(accelerator=plan.device.partition(":")[0], devices=1, precision=FABRIC_PRECISION[plan.precision])
    if config.channels_last:
        model.to(memory_format=torch.channels_last)
    common = {"seed": config.seed, "workers": plan.workers}
    loader = make_loader(
        plan.splits.train,
        plan.preprocess,
        config.batch_size,
        is_training=True,
        augment=config.augment,
        **common,
    )
    val = _evaluation_loader(plan, plan.splits.val)
    normalise = Normalise(plan.preprocess, fabric.device)

    def keep_best(result: EpochResult) -> None:
        _save(
            run.best_weights,
            plan,
            {"top1": result.val_accuracy, "loss": result.val_loss, "epoch": result.epoch},
        )

    def tell_epoch(result: EpochResult) -> None:
        run.add_epoch(result)
        listeners.tell("on_epoch", result)

    with StopRequest(lambda: listeners.tell("on_stopping")) as stop, computing_threads(plan.threads):
        outcome = fit(
            fabric,
            model,
            loader,
            val,
            normalise,
            config,
            stop=stop,
            on_best=keep_best,
            on_epoch=tell_epoch,
            on_progress=lambda progress: listeners.tell("on_progress", progress),
        )
    best = next((result for result in reversed(outcome.history) if result.is_best), None)
    files: list[Path] = []
    test: Evaluation | None = None
    if best is not None and not outcome.was_interrupted:
        test = _test_best(plan, run, fabric.device)
        write_atomically(plan.weights, run.best_weights.read_bytes())
    if best is not None:
        files = _draw(plan, run, outcome.history, outcome.best, test)
    published = run.best_weights if outcome.was_interrupted else plan.weights
    result = TrainResult(
        run=run.path,
        weights=published if best is not None else None,
        epochs=len(outcome.history),
        best_epoch=best.epoch if best else 0,
        top1=outcome.best.top1 if outcome.best else None,
        test_top1=test.top1 if test else None,
        seconds=time.perf_counter() - began,
        was_interrupted=outcome.was_interrupted,
        step=outcome.step,
        files=tuple(files),
        notes=tuple(listeners.faults),
    )
    listeners.tell("on_end", result)
    return result


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


def _evaluation_loader(plan: Plan, images: ImageSet | None) -> Loader | None:
    from ..data.loading import make_loader

    if images is None or not len(images):
        return None
    return make_loader(images, plan.preprocess, 2 * plan.config.batch_size, workers=plan.workers)


def _save(path: Path, plan: Plan, metrics: dict[str, Any]) -> None:
    from ..weights.format import make_header, save_tensors

    config = plan.config
    training = {
        "data": config.data,
        "seed": config.seed,
        "val_fraction": config.val_fraction,
        "epochs": config.epochs,
        "precision": plan.precision,
    }
    header = make_header(plan.model, plan.splits.classes, plan.preprocess, metrics, training, config.weights or "")
    save_tensors(path, plan.model.state_dict(), header)


def _test_best(plan: Plan, run: RunFolder, device: torch.device) -> Evaluation | None:
    """The best weights, read back from the file that is published, on the test pictures."""
    from ..data.loading import Normalise
    from ..evaluate import evaluate_loader
    from ..weights.format import load_model

    loader = _evaluation_loader(plan, plan.splits.test)
    if loader is None:
        return None
    model, _ = load_model(run.best_weights)
    return evaluate_loader(model.to(device), loader, Normalise(plan.preprocess, device))


def _draw(
    plan: Plan, run: RunFolder, history: list[EpochResult], val: Evaluation | None, test: Evaluation | None
) -> list[Path]:
    from .plots import plot_confusion, plot_curves, plot_mistakes

    plot_curves(history, plan.title, run.path / "curves.png")
    shown, images, which = (test, plan.splits.test, "test") if test else (val, plan.splits.val, "validation")
    if shown is not None and images is not None:
        plot_confusion(shown, plan.splits.classes, f"{plan.title}, {which}", run.path / "confusion.png")
        plot_mistakes(shown, images, plan.splits.classes, run.path / "mistakes.png")
    names = ("curves.png", "confusion.png", "mistakes.png", "metrics.csv")
    return [run.path / name for name in names if (run.path / name).is_file()]
