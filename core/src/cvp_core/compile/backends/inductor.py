"""torch.compile in this process: nothing is kept but PyTorch's own cache, so that an empty one makes loading slow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..job import Job, Runner
from ..torch_runner import device_of, examples, load_ready, ready, to_runner

__all__ = ["compile", "load"]


def compile(model: nn.Module, job: Job, folder: Path, pictures: np.ndarray) -> None:
    """Compiles to fill the cache; writes nothing below `folder`. Raises ConfigError for a job not possible here."""
    _compiled(ready(model, job), job)


def load(folder: Path, job: Job) -> Runner:
    """Compiled on return: for the job's batch alone, or, without one, for any count of pictures.

    Raises WeightsError for damaged weights, ConfigError for a job not possible here.
    """
    return to_runner(_compiled(load_ready(folder, job), job), job)


def _compiled(net: nn.Module, job: Job) -> Any:
    if job.threads is not None:
        torch.set_num_threads(job.threads)  # the generated code has their number in it
    # freezing packs the weights as oneDNN likes them
    options: dict[str, Any] = {"freezing": True}
    if device_of(job).type == "cuda":
        options["triton.cudagraphs"] = job.batch_size is not None
    call = torch.compile(net, fullgraph=True, dynamic=job.batch_size is None, options=options)
    with torch.inference_mode():
        for count in (job.batch_size,) if job.batch_size else (2, 3, 1):
            call(examples(job, count))
    return call
