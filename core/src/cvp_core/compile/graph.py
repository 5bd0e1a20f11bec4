"""Rewriting a network for inference: less to compute and less to copy, the same answers.

Each function works on a deep copy of a network in evaluation mode and keeps its modules and their names, so that what
reads parts reads the result too. A network in training mode raises ValueError.
"""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from ..blocks import Dense, NormActConv

__all__ = ["DenseBuffer", "ScaleShift", "dense_buffers", "fold_norms", "pad_groups"]

_Net = TypeVar("_Net", bound=nn.Module)
_CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def fold_norms(model: _Net) -> _Net:
    """Every batch norm that alone reads a convolution's or linear layer's output becomes part of that layer.

    What stays of a norm is nn.Identity, or its activation where it holds one. Who reads what is found by torch.fx,
    part by part where it cannot follow the whole network. Kept are the norms of what other modules read too, as
    those of DenseNet's and DPN's concatenations, and those after layers that change their own weights.
    """
    model = _copied(model)
    _fold_below(model, model)
    return model


def dense_buffers(model: _Net) -> _Net:
    """Every nn.Sequential that is a run of two or more `Dense` paths becomes a `DenseBuffer` of their branches."""
    model = _copied(model)
    for name, module in list(model.named_modules()):
        paths = [path for path in module.children() if type(path) is Dense]
        if type(module) is nn.Sequential and len(paths) == len(module) > 1:
            _replace(model, name, DenseBuffer(paths))
    return model


def pad_groups(model: _Net, multiple: int) -> _Net:
    """Grouped convolutions between two plain ones get groups of a multiple of so many channels, which kernels like.

    The channels that are added are zero: the convolution before makes them so, ReLU keeps them, the one after passes
    over them. Norms between them have to be folded before (`fold_norms`); what is otherwise connected stays.
    """
    model = _copied(model)
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
        _replace(model, names[0], _resized_conv(before, outputs=given))
        _replace(model, names[1], _resized_conv(grouped, inputs=spread_in, outputs=made))
        _replace(model, names[2], _resized_conv(after, inputs=made))
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
        graph = _Tracer().trace(model)
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


class ScaleShift(nn.Module):
    """A batch norm in evaluation as x * scale + shift, one number a channel; keeps (N, C, H, W).

    torch's own norm is several times slower on the first channels of a larger map with channels last.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        mean, variance = norm.running_mean, norm.running_var
        if mean is None or variance is None:
            raise ValueError("a batch norm without running statistics is no scale and shift")
        scale = torch.rsqrt(variance.double() + norm.eps) * (1.0 if norm.weight is None else norm.weight.double())
        shift = -mean.double() * scale + (0.0 if norm.bias is None else norm.bias.double())
        self.register_buffer("scale", scale.to(mean.dtype).detach().view(1, -1, 1, 1))
        self.register_buffer("shift", shift.to(mean.dtype).detach().view(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.shift, x, self.scale)


class DenseBuffer(nn.Module):
    """A row of `Dense` paths whose branches write into one map, instead of copying all before them at every path.

    Maps (N, C, H, W) to (N, C + sum of the branches' channels, H, W) in x's memory format. It takes the branches over,
    turning the norms that open them into `ScaleShift`; none may write to its input. For inference alone: each branch
    overwrites the map whose earlier state a gradient would need.
    """

    def __init__(self, paths: Sequence[Dense]) -> None:
        super().__init__()
        self.branches = nn.ModuleList(path.branch for path in paths)
        self.growth = sum(_out_channels(branch) for branch in self.branches)
        for branch in self.branches:
            first = next(branch.children(), None)
            if isinstance(first, NormActConv) and type(first.norm) is nn.BatchNorm2d:
                first.norm = ScaleShift(first.norm)  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        channels = x.size(1)
        shape = (x.size(0), channels + self.growth, x.size(2), x.size(3))
        last = x.is_contiguous(memory_format=torch.channels_last) and not x.is_contiguous()
        form = torch.channels_last if last else torch.contiguous_format
        whole = torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=form)
        whole[:, :channels] = x
        for branch in self.branches:
            y = branch(whole[:, :channels])
            whole[:, channels : channels + y.size(1)] = y
            channels += y.size(1)
        return whole


def _copied(model: _Net) -> _Net:
    if any(module.training for module in model.modules()):
        raise ValueError(f"{type(model).__name__} is in training mode: call its eval() first")
    return copy.deepcopy(model)


def _replace(model: nn.Module, name: str, new: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, new.eval())


def _out_channels(branch: nn.Module) -> int:
    """Of a branch that ends with a convolution, whatever follows it keeping the channels."""
    return [module.out_channels for module in branch.modules() if isinstance(module, nn.Conv2d)][-1]


class _Tracer(fx.Tracer):
    """Looks into every module but torch's own, what is derived from a norm too."""

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        return isinstance(module, (*_CONVS, *_NORMS, nn.Linear)) or super().is_leaf_module(module, qualified_name)


def _fold_below(model: nn.Module, part: nn.Module) -> None:
    """Folds in `part`, a submodule of `model`; part by part below it where it cannot be traced."""
    try:
        graph = _Tracer().trace(part)
    except Exception:  # noqa: BLE001 - forward may branch on values in any way
        for child in part.children():
            _fold_below(model, child)
        return
    for conv, norm in list(_pairs(graph, part)):
        _fold(part, conv, norm)


def _pairs(graph: fx.Graph, part: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of a layer and the norm that alone reads its output, both called once and by nobody else."""
    calls = Counter(node.target for node in graph.nodes if node.op == "call_module")
    used = {str(node.target).rpartition(".")[0] for node in graph.nodes if node.op == "get_attr"}
    names = Counter(id(module) for _, module in part.named_modules(remove_duplicate=False))
    for node in graph.nodes:
        if node.op != "call_module" or not isinstance(part.get_submodule(node.target), _NORMS):
            continue
        source: Any = node.args[0] if node.args else None
        if not isinstance(source, fx.Node) or source.op != "call_module" or len(source.users) > 1:
            continue
        pair = (str(source.target), str(node.target))
        alone = all(calls[name] == 1 and names[id(part.get_submodule(name))] == 1 for name in pair)
        if alone and used.isdisjoint(pair):
            yield pair


def _fold(part: nn.Module, layer_name: str, norm_name: str) -> None:
    layer, norm = part.get_submodule(layer_name), part.get_submodule(norm_name)
    if not isinstance(norm, _NORMS) or norm.running_mean is None or layer._forward_pre_hooks or layer._forward_hooks:
        return
    if type(layer) in _CONVS:
        fused: nn.Module = fuse_conv_bn_eval(layer, norm)  # type: ignore[type-var]
    elif type(layer) is nn.Linear and type(norm) is nn.BatchNorm1d and layer.out_features == norm.num_features:
        fused = fuse_linear_bn_eval(layer, norm)
    else:
        return
    rest = [child for child in norm.children() if not isinstance(child, nn.Identity)]
    if type(norm) not in _NORMS and {name for name, _ in norm.named_children()} != {"drop", "act"}:
        return  # it computes something unknown after normalising
    _replace(part, layer_name, fused)
    _replace(part, norm_name, nn.Sequential(*rest) if rest else nn.Identity())
