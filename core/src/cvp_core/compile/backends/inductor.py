"""torch.compile in this process: nothing is kept but PyTorch's own cache, so that an empty one makes loading slow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...errors import ConfigError
from ...network import ImageClassifier
from ..graph import TwoPaths, pad_groups, two_paths
from ..job import Job, Runner
from ..torch_runner import TensorRunner, device_of, examples, load_ready, ready

__all__ = ["compile", "load"]

_WIDTH = 8  # channels that a tensor core takes at a time in 16 bits


def compile(model: ImageClassifier, job: Job, folder: Path, pictures: np.ndarray) -> None:
    """Compiles to fill the cache; writes nothing below `folder`. Raises ConfigError for a job not possible here."""
    _compiled(ready(model, job), job)


def load(folder: Path, job: Job) -> Runner:
    """Compiled on return: for the job's batch alone, or, without one, for any count of pictures.

    Modes: "default"; "reduce-overhead", CUDA graphs; "max-autotune", with CUDA graphs, which tries kernels;
    "max-autotune-padded", with the groups of convolutions padded to a width that kernels like;
    "max-autotune-two-paths", with that and what dual paths add and append in maps of their own; "regional", which
    compiles block by block, and equal blocks once.
    Raises WeightsError for damaged weights, ConfigError for a job not possible here.
    """
    return TensorRunner(_compiled(load_ready(folder, job), job), job)


def _compiled(net: ImageClassifier, job: Job) -> Any:
    if job.threads is not None:
        torch.set_num_threads(job.threads)  # the generated code has their number in it
    is_on_gpu = device_of(job).type == "cuda"
    if job.mode == "reduce-overhead" and not is_on_gpu:
        raise ConfigError("inductor:reduce-overhead is CUDA graphs, for GPUs; inductor works here")
    rewritten = _rewritten(net, job.mode)
    # freezing packs the weights as oneDNN likes them
    options: dict[str, Any] = {"freezing": job.mode != "regional", "max_autotune": job.mode.startswith("max-autotune")}
    if is_on_gpu:
        options["triton.cudagraphs"] = job.mode not in ("", "default", "regional") and job.batch_size is not None
    settings: dict[str, Any] = {"fullgraph": True, "dynamic": job.batch_size is None, "options": options}
    blocks = _blocks(net) if job.mode == "regional" else []
    for block in blocks:
        block.compile(**settings)
    call = rewritten if blocks else torch.compile(rewritten, **settings)
    # each kind of block is compiled anew, and dynamo would stop at the eighth
    with torch.inference_mode(), torch._dynamo.config.patch(recompile_limit=len(blocks) * 3 + 8):
        for count in (job.batch_size,) if job.batch_size else (2, 3, 1):
            call(examples(job, count))
    return call


def _rewritten(net: ImageClassifier, mode: str) -> nn.Module:
    """Raises ConfigError for a network that a mode with rewriting leaves as it is."""
    if mode == "max-autotune-padded":
        padded = pad_groups(net, _WIDTH)
        if sum(value.numel() for value in padded.parameters()) == sum(value.numel() for value in net.parameters()):
            raise ConfigError("it has no groups of convolutions to pad; inductor:max-autotune is the same")
        return padded
    if mode == "max-autotune-two-paths":
        apart = two_paths(pad_groups(net, _WIDTH))
        if not any(isinstance(module, TwoPaths) for module in apart.modules()):
            raise ConfigError("it has no dual paths; inductor:max-autotune-padded is the same")
        return apart
    return net


def _blocks(net: ImageClassifier) -> list[nn.Module]:
    """What follows one another in the stages, or a stage that is no row of modules."""
    found: list[nn.Module] = []
    for names in net.parts.stages:
        for name in names:
            stage = net.get_submodule(name)
            found += list(stage) if isinstance(stage, nn.Sequential | nn.ModuleList) else [stage]
    return found
