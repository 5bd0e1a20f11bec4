"""Which distribution brings which model names, so that a missing family ends with its pip command."""

from __future__ import annotations

import re

__all__ = ["distribution_of"]

# Distribution by the prefixes of its model names; the longest prefix that fits wins.
_PREFIXES = {
    "cvp-classic": ("classic", "linear", "mlp", "oneconv", "multilayer_cnn", "lenet", "cnn5x5", "alexnet"),
    "cvp-convnext": ("convnext",),
    "cvp-densenet": ("densenet",),
    "cvp-dpn": ("dpn", "mixnet105", "dualpath"),
    "cvp-efficientnet": ("efficientnet",),
    "cvp-inception": ("googlenet", "inception"),
    "cvp-mobilenet": ("mobilenet",),
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
    fits = [
        (len(prefix), distribution)
        for distribution, prefixes in _PREFIXES.items()
        for prefix in prefixes
        if re.match(re.escape(prefix) + (r"" if prefix.endswith("/") else r"([0-9_-]|$)"), name)
    ]
    return max(fits)[1] if fits else None
