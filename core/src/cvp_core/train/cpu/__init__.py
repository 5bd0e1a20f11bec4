"""Layers that are computed faster than by torch's own kernels, in bfloat16 on CPUs.

Which are depends on shapes alone, so that a run that is resumed computes what it would have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from typing import Any

from torch.nn import functional
from torch.overrides import TorchFunctionMode

from .convolution import product
from .norm import Norms

__all__ = ["FasterLayers"]

_current: ContextVar[FasterLayers | None] = ContextVar("_current", default=None)


class FasterLayers(TorchFunctionMode):
    """While it is entered, `product` computes convolutions, and `Norms` batch norms with their ReLU.

    Within a backward pass it is off; what is computed again there is to enter it again (`current`).
    """

    def __init__(self) -> None:
        super().__init__()
        self._norms = Norms()
        self._tokens: list[Token[FasterLayers | None]] = []

    @staticmethod
    def current() -> AbstractContextManager[Any]:
        """Enters again what is entered now."""
        return _current.get() or nullcontext()

    def __enter__(self) -> FasterLayers:
        super().__enter__()
        self._tokens.append(_current.set(self))
        return self

    def __torch_function__(
        self, func: Callable[..., Any], types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        known = kwargs or {}
        found = None
        if func is functional.relu:
            found = self._norms.rectified(*args, **known)
        if found is None:
            self._norms.settle()
            if func is functional.conv2d:
                found = product(*args, **known)
            elif func is functional.batch_norm:
                found = self._norms.normed(*args, **known)
        return func(*args, **known) if found is None else found

    def __exit__(self, *error: Any) -> None:
        self._norms.settle()
        _current.reset(self._tokens.pop())
        super().__exit__(*error)
