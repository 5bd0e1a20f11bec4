"""Batch norms that become part of the layer before them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, TypeVar

from torch import fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from .rewriting import CONVS, NORMS, LayerTracer, copied, replace

__all__ = ["fold_norms"]

_Net = TypeVar("_Net", bound=nn.Module)


def fold_norms(model: _Net) -> _Net:
    """Every batch norm that alone reads a convolution's or linear layer's output becomes part of that layer.

    What stays of a norm is nn.Identity, or its activation where it holds one. Who reads what is found by torch.fx,
    part by part where it cannot follow the whole network. Kept are the norms of what other modules read too, as
    those of DenseNet's and DPN's concatenations, and those after layers that change their own weights.
    """
    model = copied(model)
    _fold_below(model, model)
    return model


def _fold_below(model: nn.Module, part: nn.Module) -> None:
    """Folds in `part`, a submodule of `model`; part by part below it where it cannot be traced."""
    try:
        graph = LayerTracer().trace(part)
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
        if node.op != "call_module" or not isinstance(part.get_submodule(node.target), NORMS):
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
    if not isinstance(norm, NORMS) or norm.running_mean is None or layer._forward_pre_hooks or layer._forward_hooks:
        return
    if type(layer) in CONVS:
        fused: nn.Module = fuse_conv_bn_eval(layer, norm)  # type: ignore[type-var]
    elif type(layer) is nn.Linear and type(norm) is nn.BatchNorm1d and layer.out_features == norm.num_features:
        fused = fuse_linear_bn_eval(layer, norm)
    else:
        return
    rest = [child for child in norm.children() if not isinstance(child, nn.Identity)]
    if type(norm) not in NORMS and {name for name, _ in norm.named_children()} != {"drop", "act"}:
        return  # it computes something unknown after normalising
    replace(part, layer_name, fused)
    replace(part, norm_name, nn.Sequential(*rest) if rest else nn.Identity())
