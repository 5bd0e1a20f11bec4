"""A network as one ONNX file, for the backends that read it."""

from __future__ import annotations

import copy
import math
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from .graph import fold_norms, two_paths

__all__ = ["export_onnx", "rewritten"]

_OPSET = 18  # the newest that torch writes by tracing; runtimes of 2023 and later read it


def rewritten(model: nn.Module) -> nn.Module:
    """A copy of a network in evaluation mode as the runtimes on CPUs compute it fastest."""
    return two_paths(fold_norms(model))


def export_onnx(net: nn.Module, images: Tensor, path: Path, names: tuple[str, str], *, batch: str = "") -> None:
    """Writes `path`, weights inside: pictures (N, channels, height, width) to logits (N, classes), typed as `images`.

    names: of input and output. batch: the name of N where it may be any; otherwise N is that of `images`.
    By tracing, which takes a tenth of the time of torch.export's way (densenet121: 1 s, not 19) and gives the same
    graph; what a trace gets wrong, parity finds.
    """
    axes = {name: {0: batch} for name in names} if batch else None
    with warnings.catch_warnings(), _PlainAttention():
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # of this way, which is asked for by name
        warnings.filterwarnings("ignore", category=torch.jit._trace.TracerWarning)
        torch.onnx.export(
            _with_fixed_pools(net, images),
            (images,),
            path,
            dynamo=False,
            dynamic_axes=axes,
            input_names=[names[0]],
            output_names=[names[1]],
            opset_version=_OPSET,
        )


class _PlainAttention(TorchFunctionMode):
    """Attention as two products and a softmax, which runtimes recognise and fuse; the scale is a number.

    The exporter would compute the scale from shapes, at every call, and lay half of it on each factor.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is functional.scaled_dot_product_attention:
            return _attention(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """functional.scaled_dot_product_attention, by its own names, for inference."""
    scale = 1 / math.sqrt(int(query.shape[-1])) if scale is None else scale
    if is_causal or enable_gqa or (attn_mask is not None and attn_mask.dtype == torch.bool):
        return functional.scaled_dot_product_attention(
            query, key, value, attn_mask, 0.0, is_causal, scale=scale, enable_gqa=enable_gqa
        )
    products = query @ key.transpose(-2, -1) * scale
    if attn_mask is not None:
        products = products + attn_mask
    return products.softmax(-1) @ value


class _FixedPool(nn.Module):
    """Adaptive average pooling of maps of one known size, as two products: (N, C, H, W) to (N, C, *size)."""

    rows: Tensor
    columns: Tensor

    def __init__(self, given: torch.Size, made: torch.Size, like: Tensor) -> None:
        super().__init__()
        self.register_buffer("rows", _averages(given[-2], made[-2]).to(like))
        self.register_buffer("columns", _averages(given[-1], made[-1]).T.contiguous().to(like))

    def forward(self, x: Tensor) -> Tensor:
        return self.rows @ x @ self.columns


def _averages(given: int, made: int) -> Tensor:
    """(made, given): row i averages the cells from floor(i * given / made) to ceil((i + 1) * given / made)."""
    table = torch.zeros(made, given)
    for row in range(made):
        start, end = row * given // made, -(-(row + 1) * given // made)
        table[row, start:end] = 1 / (end - start)
    return table


@torch.no_grad()
def _with_fixed_pools(net: nn.Module, images: Tensor) -> nn.Module:
    """`net`, or a copy: ONNX pools adaptively only to a divisor of the size, and VGG pools small pictures to more."""
    sizes: dict[str, tuple[torch.Size, torch.Size]] = {}

    def watch(name: str) -> Any:
        def see(module: nn.Module, given: tuple[Tensor], made: Tensor) -> None:
            sizes[name] = given[0].shape, made.shape

        return see

    pools = [
        (name, module)
        for name, module in net.named_modules()
        if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size not in (1, (1, 1))
    ]
    hooks = [module.register_forward_hook(watch(name)) for name, module in pools]
    try:
        if pools:
            net(images[:1])
    finally:
        for hook in hooks:
            hook.remove()
    uneven = {name: (a, b) for name, (a, b) in sizes.items() if a[-2] % b[-2] or a[-1] % b[-1]}
    if not uneven:
        return net
    net = copy.deepcopy(net)
    for name, (given, made) in uneven.items():
        parent, _, own = name.rpartition(".")
        setattr(net.get_submodule(parent), own, _FixedPool(given, made, images))
    return net
