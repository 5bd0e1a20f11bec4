"""The primitives: a branch transforms, a path joins the branch to its input, a head answers.

`Residual` adds, `Dense` concatenates, `DualPath` does both on separate channels. Each takes any branch, so
a family is a choice of branch, path and widths. One idea a file; this package imports only torch.
"""

from .branches import pre_activated_basic, pre_activated_bottleneck
from .heads import PoolHead
from .paths import Dense, DualPath, Residual
from .units import ConvNormAct, NormActConv

__all__ = [
    "ConvNormAct",
    "Dense",
    "DualPath",
    "NormActConv",
    "PoolHead",
    "Residual",
    "pre_activated_basic",
    "pre_activated_bottleneck",
]
