"""Grouped convolutions in groups of a width that kernels like, padded with zeros."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, fx, nn

from .rewriting import LayerTracer, copied, replace, resized_conv

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
        replace(model, names[0], resized_conv(before, outputs=given))
        replace(model, names[1], resized_conv(grouped, inputs=spread_in, outputs=made))
        replace(model, names[2], resized_conv(after, inputs=made))
    return model


def _spread(groups: int, count: int, width: int) -> Tensor:
    """For each of groups * width new channels the old one that it is, -1 for those that are added."""
    old = torch.full((groups, width), -1)
    old[:, :count] = torch.arange(groups * count).view(groups, count)
    return old.flatten()


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
