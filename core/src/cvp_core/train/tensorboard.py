"""A run in TensorBoard: scalars by epoch, and the confusion matrix at the end."""

from __future__ import annotations

import math
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import NotInstalledError
from .events import Callback, EpochResult, Progress

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from .planning import Plan
    from .session import TrainResult

__all__ = ["TensorBoardLog"]


class TensorBoardLog(Callback):
    """Writes below RUN/tensorboard; `tensorboard --logdir runs` shows all runs beside each other.

    Raises NotInstalledError where TensorBoard is missing, before anything is trained.
    """

    def __init__(self) -> None:
        if find_spec("tensorboard") is None:
            raise NotInstalledError("TensorBoard is not installed; it comes with: pip install 'cvp-core[tensorboard]'")
        self.writer: SummaryWriter | None = None
        self.images_per_s = math.nan

    def on_start(self, plan: Plan, run: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.writer = SummaryWriter(str(run / "tensorboard"))
        settings = "\n".join(f"| {name} | {value} |" for name, value in plan.config.to_dict().items())
        self.writer.add_text("settings", f"| setting | value |\n|---|---|\n{settings}")

    def on_progress(self, progress: Progress) -> None:
        self.images_per_s = progress.images_per_s

    def on_epoch(self, result: EpochResult) -> None:
        if self.writer is None:
            return
        scalars = {
            "loss/train": result.train_loss,
            "loss/val": result.val_loss,
            "accuracy/train": result.train_accuracy,
            "accuracy/val": result.val_accuracy,
            "learning_rate": result.learning_rate,
            "images_per_s": self.images_per_s,
        }
        for name, value in scalars.items():
            if math.isfinite(value):
                self.writer.add_scalar(name, value, result.epoch)
        self.writer.flush()

    def on_end(self, result: TrainResult) -> None:
        if self.writer is None:
            return
        picture = result.run / "confusion.png"
        if picture.is_file():
            import numpy as np
            from PIL import Image

            with Image.open(picture) as image:
                pixels = np.array(image.convert("RGB"))
            self.writer.add_image("confusion", pixels, result.best_epoch, dataformats="HWC")
        self.writer.close()
