"""Grouped convolutions in groups of a width that kernels like, padded with zeros."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, fx, nn

from .rewriting import LayerTracer, copied, replace

__all__ = ["pad_groups"]

_Net = TypeVar("_Net", bound=nn.Module)


def pad_groups(model: _Net, multiple: int) -> _Net:
    """Grouped convolutions between two plain ones get groups of a multiple of so many channels, which kernels like.

    The channels that are added are zero: the convolution before makes them so, ReLU keeps them, the one after passes
    over them. Norms between them have to be folded before (`fold_norms`); what is otherwise connected stays.
    """
    model = copied(model)
    for names in _grouped_chains(model):
        before, grouped, after = (model.get_submodule(name) for name in names)
        assert isinstance(before, nn.Conv2d)
        assert isinstance(grouped, nn.Conv2d)
        assert isinstance(after, nn.Conv2d)
        counts = grouped.in_channels // grouped.groups, grouped.out_channels // grouped.groups
        widths = tuple(-(-count // multiple) * multiple for count in counts)
        if widths == counts:
            continue
        given, made = (_spread(grouped.groups, count, width) for count, width in zip(counts, widths, strict=True))
        spread_in = _spread(1, counts[0], widths[0])  # within a group
        replace(model, names[0], _resized_conv(before, outputs=given))
        replace(model, names[1], _resized_conv(grouped, inputs=spread_in, outputs=made))
        replace(model, names[2], _resized_conv(after, inputs=made))
    return model


def _spread(groups: int, count: int, width: int) -> Tensor:
    """For each of groups * width new channels the old one that it is, -1 for those that are added."""
    old = torch.full((groups, width), -1)
    old[:, :count] = torch.arange(groups * count).view(groups, count)
    return old.flatten()


def _resized_conv(conv: nn.Conv2d, *, inputs: Tensor | None = None, outputs: Tensor | None = None) -> nn.Conv2d:
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


def _grouped_chains(model: nn.Module) -> list[tuple[str, str, str]]:
    """Names of convolution, grouped convolution, convolution with nothing but ReLU between and no other reader."""
    try:
        graph = LayerTracer().trace(model)
    except Exception:  # noqa: BLE001 - forward may branch on values in any way
        return []
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")

    def module(node: fx.Node) -> nn.Module | None:
        return model.get_submodule(str(node.target)) if node.op == "call_module" and calls[node.target] == 1 else None

    def passes_zeros(node: fx.Node) -> bool:
        return isinstance(module(node), nn.ReLU | nn.Identity)

    def conv_at_end(node: fx.Node, step: Callable[[fx.Node], fx.Node | None]) -> str:
        """The plain convolution that is reached by steps over what passes zeros; "" if something else is."""
        at = step(node)
        while at is not None and passes_zeros(at):
            at = step(at)
        found = module(at) if at is not None else None
        return str(at.target) if at is not None and type(found) is nn.Conv2d and found.groups == 1 else ""

    def reader(node: fx.Node) -> fx.Node | None:
        return next(iter(node.users)) if len(node.users) == 1 else None

    def source(node: fx.Node) -> fx.Node | None:
        given = node.args[0] if node.args else None
        return given if isinstance(given, fx.Node) and len(given.users) == 1 else None

    chains = []
    for node in graph.nodes:
        conv = module(node)
        if type(conv) is nn.Conv2d and 1 < conv.groups < conv.in_channels:
            before, after = conv_at_end(node, source), conv_at_end(node, reader)
            if before and after:
                chains.append((before, str(node.target), after))
    return chains
