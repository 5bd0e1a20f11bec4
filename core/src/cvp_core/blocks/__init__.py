"""The primitives: a branch transforms, a path joins the branch to its input, a head answers.

`Residual` adds, `Dense` concatenates, `DualPath` does both on separate channels. Each takes any branch, so
a family is a choice of branch, path and widths. One idea a file; this package imports only torch.
"""

from .branches import basic, bottleneck, pre_activated_basic, pre_activated_bottleneck
from .gates import SqueezeExcite
from .heads import PoolHead
from .inverted import inverted_residual
from .paths import Dense, DualPath, Residual
from .stochastic import StochasticDepth
from .units import ConvNormAct, NormActConv

__all__ = [
    "ConvNormAct",
    "Dense",
    "DualPath",
    "NormActConv",
    "PoolHead",
    "Residual",
    "SqueezeExcite",
    "StochasticDepth",
    "basic",
    "bottleneck",
    "inverted_residual",
    "pre_activated_basic",
    "pre_activated_bottleneck",
]
