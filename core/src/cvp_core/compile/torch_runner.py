"""What the backends that need torch share: the network made ready for a job, and NumPy around it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..network import ImageClassifier
from ..weights.format import load_model
from .graph import fold_norms
from .job import Job

__all__ = ["TensorRunner", "device_of", "examples", "load_ready", "ready", "type_of"]

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


class TensorRunner:
    """A Runner of `logits`, a function of pictures on job's device, in its precision, to logits there.

    Sets torch's threads for the process where the job says how many.
    """

    def __init__(self, logits: Callable[[Tensor], Tensor], job: Job) -> None:
        if job.threads is not None:
            torch.set_num_threads(job.threads)
        self.logits = logits
        self._device, self._dtype = device_of(job), type_of(job)

    def placed(self, images: np.ndarray) -> Tensor:
        """Pictures float32 (N, channels, height, width) as `logits` takes them.

        A GPU fetches them by itself from memory that the system does not move, and casts them there.
        """
        # torch has no read-only tensors and warns of such arrays
        pictures = torch.from_numpy(np.ascontiguousarray(images) if images.flags.writeable else images.copy())
        if self._device.type == "cuda":
            pictures = pictures.pin_memory().to(self._device, non_blocking=True)
        return pictures.to(self._device, self._dtype, memory_format=torch.channels_last)

    @torch.inference_mode()
    def __call__(self, images: np.ndarray) -> np.ndarray:
        return self.logits(self.placed(images)).to("cpu", torch.float32).numpy()  # waits for a GPU
