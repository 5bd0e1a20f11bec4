"""Which distribution brings which model names, so that a missing family ends with its pip command."""

from __future__ import annotations

import re

__all__ = ["distribution_of", "names_model_of", "prefixes"]

# Distribution by the prefixes of its model names; the longest prefix that fits wins.
_PREFIXES = {
    "cvp-classic": ("classic", "linear", "mlp", "oneconv", "multilayer_cnn", "lenet", "cnn5x5", "alexnet"),
    "cvp-convnext": ("convnext",),
    "cvp-densenet": ("densenet",),
    "cvp-dpn": ("dpn", "mixnet105", "dualpath"),
    "cvp-efficientnet": ("efficientnet",),
    "cvp-inception": ("googlenet", "inception"),
    "cvp-mobilenet": ("mobilenet", "mobilenetv2"),
    "cvp-regnet": ("regnet",),
    "cvp-resnet": ("resnet", "resnext", "wide_resnet"),
    "cvp-shufflenet": ("shufflenet",),
    "cvp-squeezenet": ("squeezenet",),
    "cvp-timm": ("timm/",),
    "cvp-torchvision": ("torchvision/",),
    "cvp-vgg": ("vgg",),
    "cvp-vit": ("vit",),
}


def distribution_of(name: str) -> str | None:
    """The distribution that is known to bring `name`, installed or not; None for a name that nobody knows."""
    qualifier = name.partition("/")[0]
    if qualifier in _PREFIXES:
        return qualifier
    fits = [
        (len(prefix), distribution)
        for distribution, starts in _PREFIXES.items()
        for prefix in starts
        if names_model_of(prefix, name)
    ]
    return max(fits)[1] if fits else None


def names_model_of(prefix: str, name: str) -> bool:
    """Whether `name` reads like a model of the family `prefix`: resnet50 of resnet, never resnext50."""
    return re.match(re.escape(prefix) + (r"" if prefix.endswith("/") else r"([0-9_-]|$)"), name) is not None


def prefixes() -> list[str]:
    """How the names of all known models begin; most are families' names."""
    return [prefix for starts in _PREFIXES.values() for prefix in starts if not prefix.endswith("/")]
