"""Networks without memory: built on torch's meta device, without drawing the weights that nobody will see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional, init
from torch.overrides import TorchFunctionMode

__all__ = ["without_memory"]

_FILLING: frozenset[Callable[..., Any]] = frozenset(
    [
        *(getattr(Tensor, f"{name}_") for name in ("normal", "uniform", "fill", "zero", "erfinv", "copy")),
        *(getattr(Tensor, f"{name}_") for name in ("add", "sub", "mul", "div", "clamp")),
        *(init.normal_, init.uniform_, init.trunc_normal_, init.constant_, init.zeros_, init.ones_),
        *(init.kaiming_normal_, init.kaiming_uniform_, init.xavier_normal_, init.xavier_uniform_),
    ]
)


class _Unfilled(TorchFunctionMode):
    """What fills a tensor in place does nothing to one without memory; torch works its shape out slowly, in Python."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _FILLING and args and isinstance(args[0], Tensor) and args[0].is_meta:
            return args[0]
        if func is functional.batch_norm and args[0].is_meta:  # torch works its shape out in Python, 2 ms a norm
            return torch.empty_like(args[0])
        return func(*args, **(kwargs or {}))


@contextmanager
def without_memory() -> Iterator[None]:
    """New tensors have shapes and no values; drawing into them costs nothing and moves no generator."""
    with torch.device("meta"), _Unfilled():
        yield
