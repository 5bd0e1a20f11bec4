"""TorchScript: the network traced, frozen and optimised, as one file that is code."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.jit._trace import TracerWarning

from ..job import Job, Runner
from ..torch_runner import TensorRunner, device_of, examples, ready

__all__ = ["compile", "load"]

FILE = "model.ts"


def compile(model: nn.Module, job: Job, folder: Path, pictures: np.ndarray) -> None:
    """Writes model.ts, traced at the job's batch. Raises ConfigError for a job that torch cannot do here."""
    net = ready(model, job)
    with _quiet(), torch.inference_mode():
        traced = torch.jit.trace(net, examples(job), check_trace=False)
        torch.jit.save(torch.jit.freeze(traced.eval()), str(folder / FILE))


def load(folder: Path, job: Job) -> Runner:
    """Takes any count of pictures that the traced network takes. What it loads is run as code."""
    with _quiet(), torch.inference_mode():
        script = torch.jit.load(str(folder / FILE), map_location=device_of(job))
        if job.precision == "float32" and device_of(job).type == "cpu":
            script = _optimised(folder / FILE, script, job)
        else:
            _warm_up(script, job)
    return TensorRunner(script, job)


def _optimised(path: Path, script: torch.jit.ScriptModule, job: Job) -> torch.jit.ScriptModule:
    """With oneDNN's layouts inside; as it is where oneDNN lacks an operation, such as VGG's pooling from 3 to 7."""
    try:
        optimised = torch.jit.optimize_for_inference(script)
        _warm_up(optimised, job)
    except RuntimeError:
        script = torch.jit.load(str(path))
        _warm_up(script, job)
        return script
    return optimised


def _warm_up(script: torch.jit.ScriptModule, job: Job) -> None:
    for _ in range(2):  # it specialises on what it sees
        script(examples(job))


@contextmanager
def _quiet() -> Iterator[None]:
    """TorchScript is deprecated, and says so; a trace warns where shapes become numbers, which parity checks."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, message=".*torch.jit")
        warnings.filterwarnings("ignore", category=TracerWarning)
        yield
