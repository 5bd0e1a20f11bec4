"""Memory of a run: less of it for more computation, how much it took, and what to say when it is not enough."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from .. import machine
from ..errors import MachineError
from ..network import ImageClassifier
from .cpu import FasterLayers

__all__ = ["checkpoint_stages", "peak_memory_mb", "watched"]


def checkpoint_stages(model: ImageClassifier) -> None:
    """Each stage keeps its input alone and is computed again in the backward pass (arXiv:1604.06174).

    The second time, batch norms leave their statistics as they are.
    """
    for names in model.parts.stages:
        for name in names:
            stage = model.get_submodule(name)
            contexts = partial(_contexts, stage)
            stage.forward = partial(_recomputed, stage.forward, contexts)


def _recomputed(forward: Callable[..., Any], contexts: Callable[[], Any], *inputs: Any) -> Any:
    if not torch.is_grad_enabled():
        return forward(*inputs)
    return checkpoint(forward, *inputs, use_reentrant=False, context_fn=contexts)


def _contexts(stage: nn.Module) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    return nullcontext(), _again(stage, FasterLayers.current())


@contextmanager
def _again(stage: nn.Module, mode: AbstractContextManager[Any]) -> Iterator[None]:
    """As in the forward pass, but that the norms' statistics stay as they are."""
    norms = [module for module in stage.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        with mode:
            yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked -= int(norm.training)


@contextmanager
def watched(batch_size: int) -> Iterator[None]:
    """Where memory runs out, a MachineError says what to try."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise _too_little(batch_size) from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error) and "not enough memory" not in str(error):
            raise
        raise _too_little(batch_size) from error


def _too_little(batch_size: int) -> MachineError:
    half = max(1, batch_size // 2)
    return MachineError(
        f"out of memory with {batch_size} pictures a batch; try --batch-size {half}, or keep the batch and compute it "
        "in parts: --set grad_accum=2, or --set checkpoint_activations=true"
    )


def peak_memory_mb(device: torch.device) -> float:
    """Of the GPU, where one computed; else of this process since its program began; 0 where nobody knows."""
    return torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else machine.peak_memory_mb()
