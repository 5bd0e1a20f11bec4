"""One network shared out among the processes of a run: each keeps its part of parameters, gradients and moments.

Fully sharded data parallelism (ZeRO stage 3, arXiv:1910.02054; arXiv:2304.11277) as torch's `fully_shard` has it, under
Fabric's ModelParallelStrategy. A block's parameters are whole only while it computes. Between steps each is a DTensor
of which a process holds a slice along the first dimension; checkpoints and weights hold whole tensors, so that any
number of processes, with or without shares, goes on from them. Statistics of norms are not shared out: each process
has those of its own pictures, as with DDP, and the first one's are evaluated and kept.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from ..data.loading import Loader
from ..errors import ConfigError
from ..network import ImageClassifier
from ..spec import Preprocess
from .averaging import Average
from .checkpoint import copied
from .config import TrainConfig
from .features import can_cache
from .freezing import phases
from .processes import largest

__all__ = [
    "EvenLoader",
    "ShardedAverage",
    "check_shareable",
    "collected",
    "evaluated_together",
    "filled",
    "is_sharded",
    "laid_out_like",
    "load_whole",
    "outline",
    "shard",
    "unfused",
]


def is_sharded(fabric: Fabric) -> bool:
    return isinstance(fabric.strategy, ModelParallelStrategy)


def check_shareable(model: ImageClassifier, config: TrainConfig) -> None:
    """Raises ConfigError for what cannot be done in parts."""
    if config.precision == "float16":
        raise ConfigError("strategy fsdp computes in float32 or bfloat16, not in float16; take one, or strategy=ddp")
    if any(can_cache(model, phase, config) for phase in phases(model, config)):
        raise ConfigError(
            "strategy fsdp keeps no features of a frozen backbone; --set cache_features=false computes them at every "
            "step, --set strategy=ddp keeps them"
        )
    scalars = [name for name, parameter in model.named_parameters() if not parameter.ndim]
    if scalars:
        raise ConfigError(f"strategy fsdp cannot share out single numbers such as {scalars[0]}; take strategy=ddp")


def shard(model: ImageClassifier, fabric: Fabric, *, by_stage: bool = False) -> None:
    """Leaves each process its part, in place and on its device; all have to call it with the same weights.

    Gathered together are the blocks that a stage is a sequence of, what else the stage has, and stem and head with all
    that is in no stage. by_stage: stages in one piece, as `checkpoint_stages` computes them again.
    """
    model.to(memory_format=torch.contiguous_format)  # fully_shard takes no other; channels_last pictures suffice
    for stage in (model.get_submodule(name) for names in model.parts.stages for name in names):
        if type(stage).forward is nn.Sequential.forward and not by_stage:
            for block in stage.children():
                if any(True for _ in block.children()):
                    _shard(block, fabric)
        if not isinstance(stage, nn.ModuleList | nn.ModuleDict):
            _shard(stage, fabric)
    _shard(model, fabric)


def _shard(module: nn.Module, fabric: Fabric) -> None:
    """Parameters are given back after every pass: what is registered between passes is the part."""
    assert isinstance(fabric.strategy, ModelParallelStrategy)
    mesh = fabric.strategy.device_mesh["data_parallel"]
    part = fully_shard(module, mesh=mesh, reshard_after_forward=True)
    assert isinstance(part, FSDPModule)
    if fabric.device.type == "cpu":  # not every gloo knows means; then the sum is divided
        part.set_force_sum_reduction_for_comms(True)


def unfused(optimizer: torch.optim.Optimizer) -> torch.optim.Optimizer:
    """SGD in single operations: of the fused optimizers a DTensor knows the Adams alone."""
    for group in optimizer.param_groups:
        if isinstance(optimizer, torch.optim.SGD):
            group["fused"] = None
    return optimizer


def collected(fabric: Fabric, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, whole, in the first process; the others only give their parts. All have to call it.

    One by one, so that a device never has more than one of them whole.
    """
    found = {}
    for name, tensor in tensors.items():
        whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        if fabric.global_rank == 0:
            found[name] = copied(whole)
    return found


def laid_out_like(tensor: Tensor, parameter: Tensor) -> Tensor:
    """A whole tensor in the memory layout of a parameter of its shape, or this process's part of it."""
    if isinstance(parameter, DTensor):
        there = tensor.to(parameter.device)
        return distribute_tensor(there, parameter.device_mesh, parameter.placements, src_data_rank=None)
    return torch.empty_like(parameter, dtype=tensor.dtype).copy_(tensor)


def load_whole(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """`load_state_dict` of whole tensors, shared out or not."""
    parts = dict(tensors)
    for name, own in module.state_dict().items():
        if isinstance(own, DTensor) and name in parts:
            parts[name] = laid_out_like(parts[name], own)
    module.load_state_dict(parts)


def outline(model: ImageClassifier) -> ImageClassifier:
    """The same network without numbers, for `filled`."""
    return copy.deepcopy(model).to("meta")


def filled(model: ImageClassifier, tensors: Mapping[str, Tensor]) -> ImageClassifier:
    """A copy of an outline that has these tensors, or still none."""
    made = copy.deepcopy(model)
    made.load_state_dict(tensors, strict=bool(tensors), assign=True)
    return made


class ShardedAverage(Average):
    """Each process averages its own parts, once both networks are shared out."""

    def _state(self, model: nn.Module) -> dict[str, Tensor]:
        state = super()._state(model)
        return {key: tensor.to_local() if isinstance(tensor, DTensor) else tensor for key, tensor in state.items()}


class EvenLoader:
    """An evaluation loader that gives as many batches in every process; those that one lacks are empty.

    For each pass through the network gathers its parameters, which all processes have to join.
    """

    def __init__(self, fabric: Fabric, loader: Loader, preprocess: Preprocess) -> None:
        self.loader, self.samples = loader, loader.samples
        self.batches = largest(fabric, len(loader))
        self.shape = (0, *preprocess.size, preprocess.channels)

    def __len__(self) -> int:
        return self.batches

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        yield from self.loader.epoch(number, start)
        for _ in range(max(start, len(self.loader)), self.batches):
            yield torch.empty(self.shape, dtype=torch.uint8), torch.empty(0, dtype=torch.int64)


def evaluated_together(fabric: Fabric, network: nn.Module) -> Callable[[Tensor], Tensor]:
    """Batches of an `EvenLoader`, prepared, to logits; a blank picture stands in for an empty one."""

    def evaluate(images: Tensor) -> Tensor:
        # Not in inference mode: what is gathered there for the first time could never be trained on.
        with torch.inference_mode(False), torch.no_grad(), fabric.autocast():
            shown = images if len(images) else images.new_zeros((1, *images.shape[1:]))
            logits: Tensor = network(shown)
        return logits[: len(images)]

    return evaluate
