"""What a person sees of a training run: the facts, a bar, a line an epoch, and where the results are."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from cvp_core.machine import describe_device
from cvp_core.train import Callback
from cvp_core.train.events import EpochResult, Progress

from .output import clean, counted, format_count, format_seconds, format_shape, format_size

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from cvp_core.train import Plan, TrainResult

__all__ = ["TrainingDisplay"]

# Without a terminal a long epoch says how it stands this often.
_SECONDS_BETWEEN_LINES = 30.0


class TrainingDisplay(Callback):
    """Prints to stdout, or to stderr where stdout is kept for JSON. Enter it around the run."""

    def __init__(self, to_stderr: bool = False) -> None:
        from rich.console import Console

        self.console = Console(stderr=to_stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self.epochs = 0
        self.bar: Bar | None = None
        self.last_line = time.monotonic()
        self.plan: Plan | None = None

    def __enter__(self) -> TrainingDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._drop_bar()

    def on_start(self, plan: Plan, run: Path) -> None:
        self.plan, self.epochs = plan, plan.config.epochs
        spec, splits = plan.claim.spec, plan.splits
        counts = [f"{len(splits.train):,} train"]
        counts += [f"{len(splits.val):,} validation"] if splits.val is not None else []
        counts += [f"{len(splits.test):,} test"] if splits.test is not None else []
        drawn = f", stratified, seed {plan.config.seed}" if plan.has_drawn_split else ""
        layout = ", channels_last" if plan.config.channels_last else ""
        height, width = plan.preprocess.size
        batch = min(plan.config.batch_size, len(splits.train))
        classes = counted(len(splits.classes), "class", "classes")
        self._fact(
            "model",
            f"{spec.name} ({plan.claim.plugin.label}), {format_count(plan.parameters)} parameters with {classes}",
        )
        self._fact("data", f"{splits.name}: {splits.location}, {classes}")
        self._fact("", " / ".join(counts) + drawn)
        for note in splits.notes:
            self._fact("", note)
        self._fact(
            "device",
            f"{describe_device(plan.device, plan.threads)}, {plan.precision}{layout}, batch {batch} at "
            f"{format_shape((height, width))}",
        )
        for line in _special(plan):
            self._fact("", line)
        self._fact("run", str(run))
        if plan.run is not None:
            self._fact("", _where(plan))
        self._print("")

    def on_progress(self, progress: Progress) -> None:
        if self.console.is_terminal:
            self._draw_bar(progress)
        elif progress.step < progress.steps and time.monotonic() - self.last_line > _SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            self._print(
                f"epoch {progress.epoch:2d}/{self.epochs}  step {progress.step}/{progress.steps}  "
                f"{progress.images_per_s:.0f} images/s  loss {progress.loss:.3f}"
            )

    def on_epoch(self, result: EpochResult) -> None:
        self._drop_bar()
        self.last_line = time.monotonic()
        validation = ""
        if result.val_accuracy == result.val_accuracy:
            validation = f"   val loss {result.val_loss:.3f} acc {result.val_accuracy:5.1%}"
        self._print(
            f"epoch {result.epoch:2d}/{self.epochs}  train loss {result.train_loss:.3f} "
            f"acc {result.train_accuracy:5.1%}{validation}   lr {result.learning_rate:.1e}   "
            f"{format_seconds(result.seconds)}{'  *' if result.is_best else ''}"
        )

    def on_stopping(self) -> None:
        # From a signal handler: no locks of rich, one write.
        os.write(2, b"\nstopping after this step (again to stop at once)...\n")

    def on_end(self, result: TrainResult) -> None:
        self._drop_bar()
        self._print("")
        if result.was_interrupted:
            self._fact("stopped", f"in epoch {result.epochs + 1}, step {result.step}")
            self._fact("next", f"cvp train --resume {result.run}")
        elif result.stopped_early:
            self._fact("stopped", f"after epoch {result.epochs}: validation has not got better for a while")
        if result.weights is None:
            self._fact("kept", "nothing: no epoch was over")
            return
        which = "validation" if self.plan and self.plan.splits.val is not None else "training"
        if result.top1 is not None:
            self._fact("best", f"epoch {result.best_epoch}, {which} accuracy {result.top1:.1%}")
        if result.test_top1 is not None:
            self._fact("test", f"accuracy {result.test_top1:.1%} with the best weights")
        self._fact("weights", f"{result.weights} ({format_size(result.weights.stat().st_size)})")
        if result.files:
            first, *others = result.files
            self._fact("look", "  ".join([str(first), *(path.name for path in others)]))
        memory = f", at most {format_size(round(result.memory_mb * 1e6))} of memory" if result.memory_mb else ""
        self._fact("time", f"{format_seconds(result.seconds)}{memory}")
        for note in result.notes:
            self._fact("note", note)
        if not result.was_interrupted:
            self._fact("next", f"cvp predict {self._short_name(result.weights)} photo.jpg")

    def _short_name(self, weights: Path) -> str:
        from cvp_core.weights import find_weights

        name = weights.name.removesuffix(".safetensors")
        try:
            return name if find_weights(name) == weights else str(weights)
        except Exception:  # noqa: BLE001 - only a hint
            return str(weights)

    def _fact(self, name: str, value: str) -> None:
        self._print(f"{name:<8} {value}")

    def _print(self, text: str) -> None:
        self.console.print(clean(text))

    def _draw_bar(self, progress: Progress) -> None:
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        if self.bar is None:
            self.bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(28),
                TaskProgressColumn(),
                TextColumn("{task.fields[speed]:.0f} images/s"),
                TimeRemainingColumn(),
                TextColumn("left  loss {task.fields[loss]:.3f}"),
                console=self.console,
                transient=True,
            )
            self.bar.add_task("", total=1, speed=0.0, loss=0.0)
            self.bar.start()
        self.bar.update(
            self.bar.task_ids[0],
            description=f"epoch {progress.epoch:2d}/{self.epochs}",
            total=progress.steps,
            completed=progress.step,
            speed=progress.images_per_s,
            loss=progress.loss,
        )

    def _drop_bar(self) -> None:
        if self.bar is not None:
            self.bar.stop()
            self.bar = None


def _special(plan: Plan) -> list[str]:
    """What of the settings a person would want to see before it starts."""
    config = plan.config
    lines = []
    if config.freeze != "none":
        later = f"; all from epoch {config.unfreeze_at + 1} on" if config.unfreeze_at is not None else ""
        lines.append(f"frozen: {config.freeze.replace('backbone', 'all but the head')}{later}")
    craft = [config.augment] if config.augment not in ("none", "light") else []
    numbers = {key: getattr(config, key) for key in ("mixup", "cutmix", "erasing", "ema")}
    craft += [f"{key} {value:g}" for key, value in numbers.items() if value]
    if craft:
        lines.append(", ".join(craft))
    return lines


def _where(plan: Plan) -> str:
    if plan.snapshot is None:
        return "goes on from its beginning: no checkpoint was written"
    standing = plan.snapshot.facts["standing"]
    return f"goes on after epoch {standing['epoch']}, step {standing['step']}"
