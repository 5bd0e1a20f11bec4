"""What a model costs: parameters and multiply-accumulates, as a whole, by stage and by layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from .blank import without_memory
from .building import build_model
from .catalogue import Claim
from .errors import PluginError
from .network import ImageClassifier
from .spec import ModelSpec

__all__ = ["Layer", "blank_model", "count_macs", "count_parameters", "layer_table", "on_meta", "stage_table"]


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Layer:
    """One row. `output_shape` is without the batch; shared parameters count where they first occur."""

    name: str
    type: str
    output_shape: tuple[int, ...]
    parameters: int
    macs: int


def count_parameters(model: nn.Module) -> int:
    """Trainable scalars."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def count_macs(model: nn.Module, input_size: tuple[int, int, int]) -> int:
    """Multiply-accumulates of convolutions and matrix products for one (channels, height, width)."""
    with _evaluating(model), _ProductCounter() as counter:
        model(_blank_picture(model, input_size))
    return counter.flops // 2


def layer_table(model: nn.Module, input_size: tuple[int, int, int]) -> list[Layer]:
    """The layers in the order in which they run; their numbers add up to those of the model.

    A row is a module without children, or one that holds parameters or computes products of its own.
    Parameters of a module that is never called, such as attention's output projection, which its parent
    applies itself, are the parent's.
    """
    visits = _visit(model, input_size)
    parameters = _own_parameters(model, set(visits))
    return [
        Layer(name, type(visit.module).__name__, visit.shape, parameters.get(name, 0), visit.own_flops // 2)
        for name, visit in visits.items()
        if not any(visit.module.children()) or parameters.get(name) or visit.own_flops
    ]


def stage_table(model: ImageClassifier, input_size: tuple[int, int, int]) -> list[Layer]:
    """Stem, each stage and head, with the sums of what is in them."""
    visits = _visit(model, input_size)

    def total(part: str, prefixes: tuple[str, ...]) -> Layer:
        inside = [name for name in visits if model.parts.part_of(name) == part]
        last = next((name for name in reversed(visits) if name in prefixes), inside[-1] if inside else "")
        return Layer(
            part,
            type(visits[last].module).__name__ if last else "",
            visits[last].shape if last else (),
            sum(value.numel() for value in model.parameters_of(part).values() if value.requires_grad),
            sum(visits[name].own_flops for name in inside) // 2,
        )

    return [total(part, prefixes) for part, prefixes in model.parts.named().items()]


def on_meta(
    claim: Claim[ModelSpec], num_classes: int, input_size: tuple[int, int, int], look: Callable[[ImageClassifier], T]
) -> T:
    """look(model) with the model on the meta device: shapes without memory. On the CPU where it reads values."""
    try:
        with without_memory():
            return look(build_model(claim, num_classes, input_size))
    except (PluginError, NotImplementedError, RuntimeError):
        return look(build_model(claim, num_classes, input_size))


def blank_model(claim: Claim[ModelSpec], num_classes: int, input_size: tuple[int, int, int]) -> ImageClassifier:
    """The model on the meta device where it can be called there, else on the CPU."""

    def called(model: ImageClassifier) -> ImageClassifier:
        with _evaluating(model):
            model(_blank_picture(model, input_size))
        return model

    return on_meta(claim, num_classes, input_size, called)


# torch 2.11 has no formula for attention on CPUs.
_COUNTED_AS = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: torch.ops.aten._scaled_dot_product_flash_attention
}


class _ProductCounter(TorchDispatchMode):
    """Counts the operations of convolutions, matrix products and attention by torch's own formulas.

    torch's FlopCounterMode gives the same sum; it also follows every module, which takes most of its time.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        output = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        formula = flop_registry.get(packet) or flop_registry.get(_COUNTED_AS.get(packet))
        if formula is not None:
            self.flops += formula(*args, **(kwargs or {}), out_val=output)
        return output


@dataclass(slots=True)
class _Visit:
    module: nn.Module
    shape: tuple[int, ...] = ()
    own_flops: int = 0


def _visit(model: nn.Module, input_size: tuple[int, int, int]) -> dict[str, _Visit]:
    """Every module that runs, by its name, in the order of the first call."""
    visits: dict[str, _Visit] = {}
    running: list[list[int]] = []  # for each module being called: [flops before it, flops of its children]

    with _ProductCounter() as counter, _evaluating(model), ExitStack() as hooks:
        for name, module in model.named_modules():

            def enter(module: nn.Module, _: Any, name: str = name) -> None:
                visits.setdefault(name, _Visit(module))
                running.append([counter.flops, 0])

            def leave(module: nn.Module, _: Any, output: Any, name: str = name) -> None:
                before, children = running.pop()
                flops = counter.flops - before
                visits[name].own_flops += flops - children
                visits[name].shape = _shape(output)
                if running:
                    running[-1][1] += flops

            hooks.callback(module.register_forward_pre_hook(enter).remove)
            hooks.callback(module.register_forward_hook(leave).remove)
        model(_blank_picture(model, input_size))
    return visits


def _own_parameters(model: nn.Module, called: set[str]) -> dict[str, int]:
    """Trainable scalars by the module that holds them, or by its nearest ancestor that is called."""
    counts: dict[str, int] = {}
    for path, parameter in model.named_parameters():
        owner = path.rpartition(".")[0]
        while owner and owner not in called:
            owner = owner.rpartition(".")[0]
        counts[owner] = counts.get(owner, 0) + (parameter.numel() if parameter.requires_grad else 0)
    return counts


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradients, and attention without the fused kernels that hide its products."""
    modes = {module: module.training for module in model.modules()}
    was_fast = torch.backends.mha.get_fastpath_enabled()
    model.eval()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was_fast)
        for module, was_training in modes.items():
            module.training = was_training


def _blank_picture(model: nn.Module, input_size: tuple[int, int, int]) -> Tensor:
    like = next(model.parameters(), torch.empty(0))
    return torch.zeros(1, *input_size, device=like.device, dtype=like.dtype)


def _shape(output: Any) -> tuple[int, ...]:
    while isinstance(output, tuple | list) and output:
        output = output[0]
    return tuple(output.shape[1:]) if isinstance(output, Tensor) else ()
