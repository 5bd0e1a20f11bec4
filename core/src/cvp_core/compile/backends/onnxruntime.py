"""ONNX Runtime: the network as one ONNX file, optimised when it is loaded. Loading and predicting import no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from ...errors import ConfigError
from ..job import Job, Runner

if TYPE_CHECKING:
    from ...network import ImageClassifier

__all__ = ["compile", "load"]

_FILE = "model.onnx"


def compile(model: ImageClassifier, job: Job, folder: Path, pictures: np.ndarray) -> None:
    """Writes `model.onnx`, weights inside: image (N, channels, height, width) to logits (N, classes), both float32.

    Raises ConfigError for another precision or device.
    """
    import torch

    from ..graph import fold_norms
    from ..onnx_export import export_onnx

    if job.precision != "float32" or job.device != "cpu":
        raise ConfigError(f"onnxruntime computes in float32 on a cpu, not in {job.precision} on {job.device}")
    # At 2: a dynamic size of 1 would be taken for a constant.
    images = torch.zeros(2 if job.batch_size is None else job.batch_size, *job.input_size)
    export_onnx(fold_norms(model), images, folder / _FILE, is_dynamic=job.batch_size is None)


def load(folder: Path, job: Job) -> Runner:
    """The runner of what `compile` wrote; `job.threads` compute one operator together."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # errors alone
    if job.threads is not None:
        options.intra_op_num_threads = job.threads
    session = onnxruntime.InferenceSession(folder / _FILE, options, providers=["CPUExecutionProvider"])

    def run(images: np.ndarray) -> np.ndarray:
        return cast(np.ndarray, session.run(["logits"], {"image": np.ascontiguousarray(images)})[0])

    return run
