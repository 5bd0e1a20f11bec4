"""What the backends that need torch share: the network made ready for a job, and NumPy around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..network import ImageClassifier
from ..weights.format import load_model
from .graph import fold_norms
from .job import Job, Runner

__all__ = ["device_of", "examples", "load_ready", "ready", "to_runner", "type_of"]

_Net = TypeVar("_Net", bound=nn.Module)

_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def ready(model: _Net, job: Job) -> _Net:
    """A copy of a network in evaluation mode with norms folded, in job's precision, channels last, on job's device.

    The norms are folded in float32. Its weights are cast: autocast would cast them anew at every call.
    Raises ConfigError for a precision or device that torch does not have here.
    """
    net = fold_norms(model).requires_grad_(False)
    where = device_of(job)
    if any(parameter.dim() == 4 for parameter in net.parameters()):
        net = net.to(memory_format=torch.channels_last)
    return net.to(where, type_of(job))


def load_ready(folder: Path, job: Job) -> ImageClassifier:
    """`ready` for the weights that lie beside the backend's folder. Raises WeightsError for damaged ones."""
    return ready(load_model(folder.parent / "weights.safetensors")[0], job)


def type_of(job: Job) -> torch.dtype:
    """Raises ConfigError for a precision that is no floating-point type of torch."""
    if job.precision not in _TYPES:
        raise ConfigError(f"precision {job.precision!r} is not one of {', '.join(_TYPES)} for PyTorch's backends")
    return _TYPES[job.precision]


def device_of(job: Job) -> torch.device:
    """Raises ConfigError for a device that is not there."""
    if job.device.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device {job.device!r}: PyTorch sees no GPU here; 'cpu' works")
    return torch.device(job.device)


def examples(job: Job, count: int | None = None) -> Tensor:
    """Zeros (N, channels, H, W) as the network gets them; N is `count`, else the job's batch, else 2.

    1 would stay 1 where a compiler takes it for a constant.
    """
    size = (count or job.batch_size or 2, *job.input_size)
    return torch.zeros(size, dtype=type_of(job), device=device_of(job)).to(memory_format=torch.channels_last)


def to_runner(call: Callable[[Tensor], Any], job: Job) -> Runner:
    """`call`, a function of pictures to logits as tensors of job's precision on its device, for NumPy arrays.

    Sets torch's threads for the process where the job says how many.
    """
    if job.threads is not None:
        torch.set_num_threads(job.threads)
    device, dtype = device_of(job), type_of(job)

    @torch.inference_mode()
    def run(images: np.ndarray) -> np.ndarray:
        # torch has no read-only tensors and warns of such arrays
        owned = np.ascontiguousarray(images) if images.flags.writeable else images.copy()
        pictures = torch.from_numpy(owned).to(device, dtype, memory_format=torch.channels_last)
        logits: Tensor = call(pictures)
        return logits.to("cpu", torch.float32).numpy()  # waits for a GPU

    return run
