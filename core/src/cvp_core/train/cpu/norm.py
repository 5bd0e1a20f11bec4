"""Batch norm in training on CPUs in bfloat16, one with the ReLU behind it.

A batch norm moves memory and computes little. Torch's takes twice the time that its reads and writes need, and ReLU
takes two more passes over the same maps; where networks are deep and maps large both together are half of a step.
norm.cpp has the sums.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import Function, FunctionCtx, once_differentiable

from ...native import library

__all__ = ["SOURCE", "Norms"]

SOURCE = Path(__file__).with_name("norm.cpp")


class Norms:
    """Batch norms of one stretch of training, each of them one with an in-place ReLU that comes at once behind it.

    Nothing but that ReLU is called between the two, or they stay apart: whoever calls says so by `settle`. A norm
    that had its ReLU behind it before is expected to have it again, and is computed with it; `settle` takes that
    back where it does not come.
    """

    def __init__(self) -> None:
        self._had_relu: set[int] = set()
        self._last: _Computed | None = None

    def normed(
        self,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor | None:
        """`functional.batch_norm` by the statistics of the batch, or None where that is to compute it."""
        if not training or weight is None or bias is None or not _are_reduced_maps(input):
            return None
        if library(SOURCE) is None:
            return None
        known = [tensor for tensor in (weight, bias, running_mean, running_var) if tensor is not None]
        if (running_mean is None) != (running_var is None) or not all(_is_for(input, tensor) for tensor in known):
            return None
        has_gradient = torch.is_grad_enabled() and any(each.requires_grad for each in (input, weight, bias))
        expects_relu = has_gradient and id(weight) in self._had_relu
        saved = torch.empty(4, input.shape[1])
        found: Tensor = _Norm.apply(input, weight, bias, running_mean, running_var, momentum, eps, saved, expects_relu)
        if has_gradient:
            self._last = _Computed(input, found, saved, id(weight), expects_relu)
        return found

    def rectified(self, input: Tensor, inplace: bool = False) -> Tensor | None:
        """`functional.relu`, in place, of the norm that was computed last; None where torch is to compute it."""
        last = self._last
        if last is None or input is not last.found or not inplace:
            return None
        self._last = None
        if not last.has_relu:
            with torch.no_grad():
                input.relu_()
            _set_relu(last, True)
            self._had_relu.add(last.key)
        return input

    def settle(self) -> None:
        """No ReLU follows at once."""
        last, self._last = self._last, None
        if last is not None and last.has_relu:
            self._had_relu.discard(last.key)
            _set_relu(last, False)
            _rewritten(last.images, last.found, last.saved)


@dataclass(frozen=True)
class _Computed:
    """A norm, what it needs to be computed again, whose it is, and whether ReLU is in it."""

    images: Tensor
    found: Tensor
    saved: Tensor
    key: int
    has_relu: bool


def _are_reduced_maps(maps: Tensor) -> bool:
    """bfloat16, on a CPU, in channels last, and of more than one pixel; torch refuses one."""
    if maps.dtype is not torch.bfloat16 or maps.device.type != "cpu" or maps.dim() != 4:
        return False
    return maps.is_contiguous(memory_format=torch.channels_last) and maps.numel() > maps.shape[1] > 0


def _is_for(maps: Tensor, known: Tensor) -> bool:
    """Whether it has one float32 a channel, one after the other."""
    return known.shape == maps.shape[1:2] and known.dtype is torch.float32 and known.is_contiguous()


def _set_relu(norm: _Computed, has_relu: bool) -> None:
    """For its backward pass."""
    node: Any = norm.found.grad_fn
    node.has_relu = has_relu


def _rewritten(images: Tensor, found: Tensor, saved: Tensor) -> None:
    """Without the ReLU that was in it."""
    _native().norm_values(*_memory(images, found), *_extent(images), *_memory(saved), 0, _threads())


def _native() -> ctypes.CDLL:
    found = library(SOURCE)
    assert found is not None
    return found


class _Norm(Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx,
        images: Tensor,
        weight: Tensor,
        bias: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        momentum: float,
        eps: float,
        saved: Tensor,
        has_relu: bool,
    ) -> Tensor:
        found = torch.empty_like(images)
        _native().norm_forward(
            *_memory(images, found),
            *_extent(images),
            *_memory(weight, bias, running_mean, running_var),
            ctypes.c_double(momentum),
            ctypes.c_double(eps),
            *_memory(saved),
            int(has_relu),
            _threads(),
        )
        ctx.save_for_backward(images, saved)
        ctx.has_relu = has_relu  # type: ignore[attr-defined]
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        images, saved = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        by_images = torch.empty_like(images) if ctx.needs_input_grad[0] else None
        by_weight, by_bias = saved.new_empty(saved.shape[1]), saved.new_empty(saved.shape[1])
        _native().norm_backward(
            *_memory(gradient, images, by_images),
            *_extent(images),
            *_memory(saved, by_weight, by_bias),
            int(ctx.has_relu),
            _threads(),
        )
        return by_images, by_weight, by_bias, *[None] * 6


def _memory(*tensors: Tensor | None) -> list[ctypes.c_void_p]:
    return [ctypes.c_void_p(None if tensor is None else tensor.data_ptr()) for tensor in tensors]


def _extent(maps: Tensor) -> tuple[ctypes.c_int64, ctypes.c_int64]:
    """Pixels of all pictures, and channels."""
    return ctypes.c_int64(maps.numel() // maps.shape[1]), ctypes.c_int64(maps.shape[1])


def _threads() -> int:
    return torch.get_num_threads()
