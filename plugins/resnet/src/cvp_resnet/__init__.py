"""ResNet, Wide ResNet and ResNeXt for cvp (He et al. 2015, arXiv:1512.03385). Importing this does not import torch."""

from __future__ import annotations

from cvp_core import ModelSpec, hookimpl

from .variants import SPECS

CVP_API = 1

__all__ = ["CVP_API", "SPECS", "cvp_models"]


@hookimpl
def cvp_models() -> tuple[ModelSpec, ...]:
    return SPECS
