"""Initial weights without drawing each of them: large tensors are filled from one pool of noise.

Drawing takes most of the time that a large network needs to be built: seconds for 100 million weights.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

__all__ = ["pooled_draws"]

_POOL = 1_000_003  # a prime: no two rows of a matrix hold the same


@cache
def _pool(is_normal: bool) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(_POOL, generator=generator) if is_normal else torch.rand(_POOL, generator=generator)


class _Pooled(TorchDispatchMode):
    """normal_ and uniform_, which all of torch.nn.init draws by, copy into tensors that are larger than the pool."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        is_normal = func is torch.ops.aten.normal_.default
        is_draw = is_normal or func is torch.ops.aten.uniform_.default
        if not (is_draw and _is_large(args[0])):
            return func(*args, **(kwargs or {}))
        given = tuple(args[1:])
        first, second = given + (0.0, 1.0)[len(given) :]  # mean and deviation, or lower and upper bound
        values = torch.add(first, _pool(is_normal), alpha=second if is_normal else second - first)
        flat = args[0].view(-1)
        rest = len(flat) % _POOL
        flat[: len(flat) - rest].view(-1, _POOL).copy_(values)
        flat[len(flat) - rest :].copy_(values[:rest])
        return args[0]


def _is_large(tensor: Tensor) -> bool:
    is_plain = tensor.dtype == torch.float32 and tensor.device.type == "cpu" and tensor.is_contiguous()
    return is_plain and tensor.numel() > _POOL


@contextmanager
def pooled_draws() -> Iterator[None]:
    """Within, what is drawn has the mean, scale and bounds that were asked for; its values come again and again."""
    with _Pooled():
        yield
