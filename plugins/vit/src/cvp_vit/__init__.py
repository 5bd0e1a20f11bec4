"""ViT for cvp (Dosovitskiy et al. 2021, arXiv:2010.11929). Importing this module does not import torch."""

from __future__ import annotations

from cvp_core import ModelSpec, hookimpl

from .variants import SPECS

CVP_API = 1

__all__ = ["CVP_API", "SPECS", "cvp_models"]


@hookimpl
def cvp_models() -> tuple[ModelSpec, ...]:
    return SPECS
