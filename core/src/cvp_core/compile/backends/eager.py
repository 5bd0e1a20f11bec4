"""PyTorch as it is: norms folded, channels last, in the job's precision. The artifact's weights are all it needs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import nn

from ..graph import path_buffers
from ..job import Job, Runner
from ..torch_runner import TensorRunner, load_ready, ready

__all__ = ["compile", "load"]


def compile(model: nn.Module, job: Job, folder: Path, pictures: np.ndarray) -> None:
    """Writes nothing; the weights lie beside `folder`. Raises ConfigError for a job that torch cannot do here."""
    ready(model, job)


def load(folder: Path, job: Job) -> Runner:
    """Takes any count of pictures. Raises WeightsError for damaged weights, ConfigError as `compile`."""
    net: nn.Module = load_ready(folder, job)
    if job.precision == "float32" and job.device == "cpu":  # where it pays: see PathBuffer
        net = path_buffers(net)
    return TensorRunner(net, job)
