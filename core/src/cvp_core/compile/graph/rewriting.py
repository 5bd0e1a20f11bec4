"""What every rewriting of a network needs: a copy, another module in the place of one, and a trace down to layers."""

from __future__ import annotations

import copy
from typing import TypeVar

from torch import fx, nn

__all__ = ["CONVS", "NORMS", "LayerTracer", "copied", "replace"]

_Net = TypeVar("_Net", bound=nn.Module)

CONVS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def copied(model: _Net) -> _Net:
    """A deep copy. Raises ValueError for a network in training mode."""
    if any(module.training for module in model.modules()):
        raise ValueError(f"{type(model).__name__} is in training mode: call its eval() first")
    return copy.deepcopy(model)


def replace(model: nn.Module, name: str, new: nn.Module) -> None:
    """Puts `new` where the submodule `name` is."""
    parent, _, own = name.rpartition(".")
    setattr(model.get_submodule(parent), own, new.eval())


class LayerTracer(fx.Tracer):
    """Looks into every module but torch's own, what is derived from a norm too."""

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        return isinstance(module, (*CONVS, *NORMS, nn.Linear)) or super().is_leaf_module(module, qualified_name)
