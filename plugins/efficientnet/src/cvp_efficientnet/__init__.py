"""EfficientNet, Lite and V2 for cvp (arXiv:1905.11946, 2104.00298). Importing this module does not import torch."""

from __future__ import annotations

from cvp_core import ModelSpec, hookimpl

from .variants import SPECS

CVP_API = 1

__all__ = ["CVP_API", "SPECS", "cvp_models"]


@hookimpl
def cvp_models() -> tuple[ModelSpec, ...]:
    return SPECS
