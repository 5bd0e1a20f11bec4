"""The primitives: a branch transforms, a path joins the branch to its input, a head answers.

`Residual` adds, `Dense` concatenates, `DualPath` does both on separate channels, `Concat` sets branches side
by side. Each takes any branch, so a family is a choice of branch, path and widths. One idea a file; this package
imports only torch.
"""

from .branches import basic, bottleneck, pre_activated_basic, pre_activated_bottleneck
from .gates import SqueezeExcite
from .heads import HiddenHead, HiddenLinear, PoolHead
from .inverted import inverted_block, inverted_residual
from .paths import Concat, Dense, DualPath, GrowingPath, Residual, channels_of
from .stochastic import StochasticDepth
from .units import ConvNormAct, NormActConv
from .widths import round_channels

__all__ = [
    "Concat",
    "ConvNormAct",
    "Dense",
    "DualPath",
    "GrowingPath",
    "HiddenHead",
    "HiddenLinear",
    "NormActConv",
    "PoolHead",
    "Residual",
    "SqueezeExcite",
    "StochasticDepth",
    "basic",
    "bottleneck",
    "channels_of",
    "inverted_block",
    "inverted_residual",
    "pre_activated_basic",
    "pre_activated_bottleneck",
    "round_channels",
]
