"""GoogLeNet and Inception v3 for cvp (arXiv:1409.4842, 1512.00567). Importing this module does not import torch."""

from __future__ import annotations

from cvp_core import ModelSpec, hookimpl

from .variants import SPECS

CVP_API = 1

__all__ = ["CVP_API", "SPECS", "cvp_models"]


@hookimpl
def cvp_models() -> tuple[ModelSpec, ...]:
    return SPECS
