"""AOTInductor: a shared library for this machine's instructions, with the weights inside, in one .pt2 file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..job import Job, Runner
from ..torch_runner import TensorRunner, device_of, examples, ready

__all__ = ["compile", "load"]

FILE = "model.pt2"


def compile(model: nn.Module, job: Job, folder: Path, pictures: np.ndarray) -> None:
    """Writes model.pt2. Needs a C++ compiler. Raises ConfigError for a job that torch cannot do here."""
    from torch._inductor import aoti_compile_and_package

    if job.threads is not None:
        torch.set_num_threads(job.threads)  # the generated code has their number in it
    batch = {0: torch.export.Dim("batch", min=1)} if job.batch_size is None else None
    # freezing packs the weights as oneDNN likes them
    options = {"freezing": True} if device_of(job).type == "cpu" else {}
    with torch.no_grad():
        exported = torch.export.export(ready(model, job), (examples(job),), dynamic_shapes=(batch,), strict=False)
        aoti_compile_and_package(exported, package_path=str(folder / FILE), inductor_configs=options)


def load(folder: Path, job: Job) -> Runner:
    """What it loads is run as code."""
    from torch._inductor import aoti_load_package

    return TensorRunner(aoti_load_package(str(folder / FILE)), job)
