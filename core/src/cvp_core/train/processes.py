"""What several processes of one run have to agree on; alone, nothing is sent."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.model_parallel import ModelParallelStrategy
from torch import Tensor, nn

from ..errors import MachineError

__all__ = [
    "are_any",
    "gathered",
    "is_first_process",
    "largest",
    "make_fabric",
    "share_of_processes",
    "shared",
    "summed",
    "take_first",
    "told_of_losses",
]


def share_of_processes() -> tuple[int, int]:
    """This process's rank and the number of all, as torchrun and Slurm's torchrun tell them; (0, 1) alone."""
    return int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))


def is_first_process() -> bool:
    """The one that writes and prints for all."""
    return share_of_processes()[0] == 0


def make_fabric(device: str, precision: str, strategy: str) -> Fabric:
    """One process on one device, or one of those that torchrun started, each with a device of its own.

    device: "cpu", "cuda", "cuda:1". precision: as Fabric names it. strategy: as TrainConfig names it.
    """
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it would announce the precision again
    kind = device.partition(":")[0]
    world = share_of_processes()[1]
    if world == 1:
        return Fabric(accelerator=kind, devices=_devices(device), precision=precision)  # type: ignore[arg-type]
    local = int(os.environ.get("LOCAL_WORLD_SIZE", world))
    fabric = Fabric(
        accelerator=kind,
        devices=local,
        num_nodes=world // local,
        strategy=ModelParallelStrategy(_as_it_is, world, 1) if strategy == "fsdp" else "ddp",
        precision=precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    return fabric


@contextmanager
def told_of_losses(fabric: Fabric, run: Path) -> Iterator[None]:
    """What the others' silence means: one of them has ended, and the run can be continued."""
    try:
        yield
    except RuntimeError as error:
        text = str(error).lower()
        signs = ("gloo", "nccl", "connection", "peer", "timed out")
        if fabric.world_size == 1 or not any(sign in text for sign in signs):
            raise
        raise MachineError(
            f"another of the {fabric.world_size} processes of this run has ended, so this one cannot go on; what it "
            f"said stands above. Continue from the last checkpoint, with any number of processes: "
            f"cvp train --resume {run}"
        ) from error


def _as_it_is(model: nn.Module, mesh: object) -> nn.Module:
    """TrainingState has shared it out already, before the optimizer was made."""
    return model


def _devices(device: str) -> list[int] | int:
    _, colon, number = device.partition(":")
    return [int(number)] if colon else 1


def are_any(fabric: Fabric, *flags: bool) -> tuple[bool, ...]:
    """For each, whether it is so in any process; all have to ask."""
    if fabric.world_size == 1:
        return flags
    counts = summed(fabric, torch.tensor([float(flag) for flag in flags], device=fabric.device))
    return tuple(count > 0 for count in counts.tolist())


def summed(fabric: Fabric, value: Tensor) -> Tensor:
    """Over all processes; all have to ask."""
    if fabric.world_size == 1:
        return value
    total = fabric.all_reduce(value, reduce_op="sum")
    assert isinstance(total, Tensor)
    return total


def largest(fabric: Fabric, value: int) -> int:
    """Of all processes'; all have to ask."""
    if fabric.world_size == 1:
        return value
    most = fabric.all_reduce(torch.tensor(value, device=fabric.device), reduce_op="max")
    assert isinstance(most, Tensor)
    return int(most.item())


def shared(fabric: Fabric, value: object) -> object:
    """The first process's value, in all."""
    return value if fabric.world_size == 1 else fabric.broadcast(value)


def take_first(fabric: Fabric, tensors: Iterable[Tensor]) -> None:
    """In all processes the first one's values; all have to call it, with tensors of the same shapes."""
    if fabric.world_size > 1:
        for tensor in tensors:
            torch.distributed.broadcast(tensor, 0)


def gathered(fabric: Fabric, value: Tensor) -> Tensor:
    """Tensors with a row a sample: all rows, in the order from which evaluation's loaders took them in turns."""
    if fabric.world_size == 1:
        return value
    parts: list[Tensor] = [value] * fabric.world_size
    torch.distributed.all_gather_object(parts, value.cpu())
    whole = torch.empty((sum(len(part) for part in parts), *value.shape[1:]), dtype=value.dtype)
    for rank, part in enumerate(parts):
        whole[rank :: fabric.world_size] = part
    return whole
