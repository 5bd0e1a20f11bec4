"""Convolutions as matrix products, for training on CPUs in bfloat16.

Of a convolution's three passes, forward, gradient of the input and gradient of the weights, torch's kernels for CPUs
take two to twenty times as long as the same sums as a product of matrices, where the kernel is 1x1, or 3x3 on maps that
are small beside their channels: the late stages of most networks, most of all the gradient of the weights. In memory
that is ordered by channels last, a 1x1 convolution is such a product as it stands; for 3x3 every window is written out
as a row first (Chellapilla et al., 2006, "High performance convolutional neural networks for document processing",
section 3). tests/peers/training_layers.py measures both ways for every convolution of a network.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function, FunctionCtx, once_differentiable
from torch.nn import functional

__all__ = ["product"]

# Weights for each pixel of the output from which on windows are written out: before, that costs more than it saves.
_WEIGHTS_PER_PIXEL = 150


def product(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | tuple[int, ...] = 1,
    padding: int | str | tuple[int, ...] = 0,
    dilation: int | tuple[int, ...] = 1,
    groups: int = 1,
) -> Tensor | None:
    """`functional.conv2d` as a product of matrices, or None where that is to compute it: all but autocast's bfloat16.

    The sums are those of the convolution, in float32 and rounded once; only a 3x3 kernel's gradient of the input is
    rounded before the nine parts are added.
    """
    if not (torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") is torch.bfloat16):
        return None
    if groups != 1 or isinstance(padding, str) or _pair(dilation) != (1, 1) or input.device.type != "cpu":
        return None
    if input.dim() != 4 or not input.is_contiguous(memory_format=torch.channels_last):
        return None
    step, border, kernel = _pair(stride), _pair(padding), tuple(weight.shape[2:])
    if step[0] != step[1]:
        return None
    is_pointwise = kernel == (1, 1) and border == (0, 0)
    if not is_pointwise and not (kernel == (3, 3) and border == (1, 1) and _is_small(input, weight, step[0])):
        return None
    reduced = None if bias is None else bias.bfloat16()
    chosen = _Pointwise if is_pointwise else _Windows
    found: Tensor = chosen.apply(input.bfloat16(), weight.bfloat16(), reduced, step[0])
    return found


def _is_small(images: Tensor, weight: Tensor, stride: int) -> bool:
    """Whether the output of a 3x3 kernel has few pixels for its weights."""
    pixels = len(images) * _extent(images.shape[2], stride) * _extent(images.shape[3], stride)
    return weight.numel() > _WEIGHTS_PER_PIXEL * pixels


class _Pointwise(Function):
    """1x1: of the pixels (M, in) and the kernel (out, in). Of a stride above 1, the pixels that are met alone."""

    @staticmethod
    def forward(ctx: FunctionCtx, images: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
        met = images[:, :, ::stride, ::stride].contiguous(memory_format=torch.channels_last)
        ctx.save_for_backward(met, weight)
        ctx.stride, ctx.shape = stride, images.shape  # type: ignore[attr-defined]
        return _maps(_affine(_rows(met), weight.flatten(1), bias), met)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        met, weight = ctx.saved_tensors
        rows = _rows(gradient)
        by_input = by_weight = None
        if ctx.needs_input_grad[1]:
            by_weight = (rows.t() @ _rows(met)).view(weight.shape)
        if ctx.needs_input_grad[0]:
            by_input = _maps(rows @ weight.flatten(1), met)
            if ctx.stride > 1:
                spread = torch.empty(ctx.shape, dtype=gradient.dtype, memory_format=torch.channels_last).zero_()
                spread[:, :, :: ctx.stride, :: ctx.stride] = by_input
                by_input = spread
        return by_input, by_weight, _by_bias(ctx, rows), None


class _Windows(Function):
    """3x3 with a border of 1: of the windows (M, 9 * in) and the kernel (out, 9 * in)."""

    @staticmethod
    def forward(ctx: FunctionCtx, images: Tensor, weight: Tensor, bias: Tensor | None, stride: int) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.stride = stride  # type: ignore[attr-defined]
        count, _, height, width = images.shape
        windows = _windows(images, stride)
        rows = _affine(windows, _flat(weight), bias)
        return rows.view(count, _extent(height, stride), _extent(width, stride), -1).permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = ctx.saved_tensors
        rows = _rows(gradient)
        by_input = by_weight = None
        if ctx.needs_input_grad[1]:
            product = rows.t() @ _windows(images, ctx.stride)
            by_weight = product.view(len(weight), 3, 3, -1).permute(0, 3, 1, 2)
        if ctx.needs_input_grad[0]:
            by_input = _folded(rows @ _flat(weight), images, gradient.shape, ctx.stride)
        return by_input, by_weight, _by_bias(ctx, rows), None


def _pair(value: int | tuple[int, ...]) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)


def _extent(side: int, stride: int) -> int:
    """Of the output, with a kernel of 3 and a border of 1."""
    return (side - 1) // stride + 1


def _rows(maps: Tensor) -> Tensor:
    """(N, C, H, W) to (N * H * W, C), which in channels last is the same memory."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def _maps(rows: Tensor, like: Tensor) -> Tensor:
    """(N * H * W, C) to (N, C, H, W), with the extent of `like`."""
    count, _, height, width = like.shape
    return rows.view(count, height, width, -1).permute(0, 3, 1, 2)


def _affine(rows: Tensor, matrix: Tensor, bias: Tensor | None) -> Tensor:
    return rows @ matrix.t() if bias is None else torch.addmm(bias, rows, matrix.t())


def _flat(weight: Tensor) -> Tensor:
    """(out, in, 3, 3) to (out, 9 * in), in the order of `_windows`."""
    return weight.permute(0, 2, 3, 1).reshape(len(weight), -1)


def _windows(images: Tensor, stride: int) -> Tensor:
    """(N, C, H, W) to (pixels of the output, 9 * C): what each of them sees, zeros beyond the border."""
    padded = functional.pad(images.permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))
    seen = padded.unfold(1, 3, stride).unfold(2, 3, stride)
    return seen.permute(0, 1, 2, 4, 5, 3).reshape(-1, 9 * images.shape[1])


def _folded(windows: Tensor, images: Tensor, shape: torch.Size, stride: int) -> Tensor:
    """The opposite of `_windows`: each pixel's sum over the windows that see it. shape: of the output's gradient."""
    count, channels, height, width = images.shape
    down, across = shape[2:]
    parts = windows.view(count, down, across, 3, 3, channels)
    sums = torch.zeros(count, height + 2, width + 2, channels)
    for row in range(3):
        for column in range(3):
            met = sums[:, row : row + stride * down : stride, column : column + stride * across : stride]
            met += parts[:, :, :, row, column]
    return sums[:, 1 : height + 1, 1 : width + 1].to(windows.dtype).permute(0, 3, 1, 2)


def _by_bias(ctx: Any, rows: Tensor) -> Tensor | None:
    return rows.sum(0, dtype=torch.float32).to(rows.dtype) if ctx.needs_input_grad[2] else None
