"""The events of a training run as calls of MLflow."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cvp_core.errors import NotInstalledError
from cvp_core.train import Callback

if TYPE_CHECKING:
    from cvp_core.train import EpochResult, Plan, TrainResult

__all__ = ["MlflowTracker"]

_METRICS = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")


_KEPT = "mlflow.txt"  # in the run folder: the id of its MLflow run


class MlflowTracker(Callback):
    """One MLflow run for each training run, named as its folder, and the same again when that is resumed."""

    def __init__(self) -> None:
        self.mlflow: Any = None

    def on_start(self, plan: Plan, run: Path) -> None:
        """Raises NotInstalledError where MLflow is missing: who set its address wants it."""
        try:
            self.mlflow = importlib.import_module("mlflow")
        except ImportError as error:
            raise NotInstalledError(
                f"MLFLOW_TRACKING_URI is set, but MLflow cannot be imported ({error}): pip install mlflow-skinny, "
                "or unset MLFLOW_TRACKING_URI"
            ) from error
        if self._is_reopened(run):
            return
        started = self.mlflow.start_run(run_name=run.name)
        (run / _KEPT).write_text(f"{started.info.run_id}\n", encoding="utf-8")
        resolved = {"parameters": plan.parameters, "device": plan.device, "precision": plan.precision}
        self.mlflow.log_params({**plan.config.to_dict(), **resolved})

    def _is_reopened(self, run: Path) -> bool:
        """Whether the MLflow run of an earlier start goes on; a server that no longer has it gets a new one."""
        kept = run / _KEPT
        if not kept.exists():
            return False
        try:
            self.mlflow.start_run(run_id=kept.read_text(encoding="utf-8").strip())
        except self.mlflow.exceptions.MlflowException:
            return False
        return True

    def on_epoch(self, result: EpochResult) -> None:
        values = {name: getattr(result, name) for name in _METRICS}
        self.mlflow.log_metrics({k: v for k, v in values.items() if math.isfinite(v)}, step=result.epoch)

    def on_end(self, result: TrainResult) -> None:
        results = {"best_epoch": result.best_epoch, "top1": result.top1, "test_top1": result.test_top1}
        self.mlflow.log_metrics({name: float(value) for name, value in results.items() if value is not None})
        self.mlflow.log_artifacts(str(result.run))
        self.mlflow.end_run("KILLED" if result.was_interrupted else "FINISHED")
