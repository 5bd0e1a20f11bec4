"""What every rewriting needs: a copy, another module in the place of one, other channels, a trace to the layers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch
from torch import Tensor, fx, nn

__all__ = ["CONVS", "NORMS", "LayerTracer", "copied", "join_rows", "replace", "resized_conv"]

_Net = TypeVar("_Net", bound=nn.Module)

CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def copied(model: _Net) -> _Net:
    """A deep copy. Raises ValueError for a network in training mode."""
    if any(module.training for module in model.modules()):
        raise ValueError(f"{type(model).__name__} is in training mode: call its eval() first")
    return copy.deepcopy(model)


def replace(model: nn.Module, name: str, new: nn.Module) -> None:
    """Puts `new` where the submodule `name` is."""
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, new.eval())


def join_rows(
    model: nn.Module,
    rows: Callable[[nn.Sequential], Iterable[list[nn.Module]]],
    join: Callable[[list[nn.Module]], nn.Module],
) -> nn.Module:
    """A copy in which every row of two or more parts that `rows` finds in an nn.Sequential is one module."""
    model = copied(model)
    for name, module in reversed(list(model.named_modules())):  # the inner ones first
        if type(module) is not nn.Sequential:
            continue
        parts: list[nn.Module] = []
        for row in rows(module):
            parts += [join(row)] if len(row) > 1 else row
        if len(parts) < len(module):
            new = parts[0] if len(parts) == 1 else nn.Sequential(*parts)
            if not name:  # the network itself, which comes last
                return new.eval()
            replace(model, name, new)
    return model


def resized_conv(conv: nn.Conv2d, *, inputs: Tensor | None = None, outputs: Tensor | None = None) -> nn.Conv2d:
    """`conv` with its channels put where `inputs` and `outputs` say; -1 is a channel of zeros."""

    def placed(tensor: Tensor, places: Tensor, dim: int) -> Tensor:
        places = places.to(tensor.device)
        kept = tensor.index_select(dim, places.clamp(min=0))
        shape = [-1 if axis == dim else 1 for axis in range(tensor.dim())]
        return kept * (places >= 0).view(shape).to(kept.dtype)

    weight, bias = conv.weight.detach(), None if conv.bias is None else conv.bias.detach()
    if inputs is not None:
        weight = placed(weight, inputs, 1)
    if outputs is not None:
        weight = placed(weight, outputs, 0)
        bias = None if bias is None else placed(bias, outputs, 0)
    new = copy.copy(conv)
    new._parameters = dict(conv._parameters)
    last = conv.weight.is_contiguous(memory_format=torch.channels_last)
    weight = weight.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
    new.weight = nn.Parameter(weight, requires_grad=False)
    new.bias = None if bias is None else nn.Parameter(bias, requires_grad=False)
    new.out_channels, new.in_channels = weight.size(0), weight.size(1) * conv.groups
    return new


class LayerTracer(fx.Tracer):
    """Looks into every module but torch's own, what is derived from a norm too."""

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        return isinstance(module, (*CONVS, *NORMS, nn.Linear)) or super().is_leaf_module(module, qualified_name)
