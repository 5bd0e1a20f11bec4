"""Dual path networks for cvp (Chen et al. 2017, arXiv:1707.01629). Importing this module does not import torch."""

from __future__ import annotations

from cvp_core import ModelSpec, hookimpl

from .variants import SPECS

CVP_API = 1

__all__ = ["CVP_API", "SPECS", "cvp_models"]


@hookimpl
def cvp_models() -> tuple[ModelSpec, ...]:
    return SPECS
