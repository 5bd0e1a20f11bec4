"""ONNX Runtime: the network as one ONNX file, optimised when it is loaded. Loading and predicting import no torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from ...errors import ConfigError
from ..job import Job, Runner
from ..plan import Plan, fastest, plans

if TYPE_CHECKING:
    from ...network import ImageClassifier

__all__ = ["compile", "load"]

_FILE, _PLAN = "model.onnx", "plan.json"
INPUT, OUTPUT, BATCH = "image", "logits", "batch"


def compile(model: ImageClassifier, job: Job, folder: Path, pictures: np.ndarray) -> None:
    """Writes `model.onnx`, weights inside: image (N, channels, height, width) to logits (N, classes), both float32.

    And plan.json, how a batch is split. Raises ConfigError for another precision or device.
    """
    import torch

    from ..onnx_export import export_onnx, rewritten

    if job.precision != "float32" or job.device != "cpu":
        raise ConfigError(f"onnxruntime computes in float32 on a cpu, not in {job.precision} on {job.device}")
    # Of any count, which a plan's session fixes; at 2, for a dynamic size of 1 would be taken for a constant.
    export_onnx(rewritten(model), torch.zeros(2, *job.input_size), folder / _FILE, (INPUT, OUTPUT), batch=BATCH)
    best = fastest({plan: _runner(folder, plan, job) for plan in plans(job)}, job)
    (folder / _PLAN).write_text(json.dumps({"plan": best.to_json()}) + "\n", encoding="utf-8")


def load(folder: Path, job: Job) -> Runner:
    """The runner of what `compile` wrote."""
    plan = Plan(**json.loads((folder / _PLAN).read_text(encoding="utf-8"))["plan"])
    return _runner(folder, plan, job)


def _runner(folder: Path, plan: Plan, job: Job) -> Runner:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3  # errors alone
    threads = job.threads if plan.is_whole(job) else 1  # for one operator
    if threads is not None:
        options.intra_op_num_threads = threads
    if plan.piece is not None:
        options.add_free_dimension_override_by_name(BATCH, plan.piece)
    session = onnxruntime.InferenceSession(folder / _FILE, options, providers=["CPUExecutionProvider"])

    def run(images: np.ndarray) -> np.ndarray:
        return cast(np.ndarray, session.run([OUTPUT], {INPUT: np.ascontiguousarray(images)})[0])

    if plan.is_whole(job):
        return run
    from concurrent.futures import ThreadPoolExecutor

    streams = ThreadPoolExecutor(plan.streams)  # a session takes calls of several threads at a time

    def run_pieces(images: np.ndarray) -> np.ndarray:
        piece = plan.piece_of(len(images))
        parts = [images[start : start + piece] for start in range(0, len(images), piece)]
        return np.concatenate(list(streams.map(run, parts)))

    return run_pieces
