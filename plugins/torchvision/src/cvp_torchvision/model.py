"""torchvision's networks, built by torchvision: https://pytorch.org/vision/stable/models.html."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torchvision
from torch import nn

from cvp_core import ImageClassifier
from cvp_core.errors import ConfigError, NotInstalledError
from cvp_core.foreign import ForeignClassifier

__all__ = ["build", "create"]

# Auxiliary heads would make the training mode answer with tuples; transform_input belongs to preprocessing.
OPTIONS: dict[str, dict[str, Any]] = {
    "googlenet": {"aux_logits": False, "transform_input": False, "init_weights": True},
    "inception_v3": {"aux_logits": False, "transform_input": False, "init_weights": True},
}


def build(
    name: str,
    parts: Mapping[str, Any],
    size_argument: str = "",
    *,
    num_classes: int,
    input_size: tuple[int, int, int],
) -> ImageClassifier:
    """The torchvision model `name` with random weights.

    size_argument: the keyword of networks that are built for one size: `image_size` takes the side of a square,
        `input_size` height and width; "" for all others.
    Raises NotInstalledError where the installed torchvision has no such model, ConfigError for an oblong size that
    the network cannot take.
    """
    return ForeignClassifier(create(name, size_argument, num_classes, input_size), parts)


def create(name: str, size_argument: str, num_classes: int, input_size: tuple[int, int, int]) -> nn.Module:
    """The bare network. Arguments and errors as of `build`."""
    if name not in torchvision.models.list_models(module=torchvision.models):
        raise NotInstalledError(
            f"torchvision {torchvision.__version__} has no '{name}'; another release has: pip install -U torchvision"
        )
    channels, height, width = input_size
    options = dict(OPTIONS.get(name, {}))
    if size_argument == "image_size":
        if height != width:
            raise ConfigError(f"torchvision/{name} takes square pictures, given {height}x{width}")
        options["image_size"] = height
    elif size_argument:
        options[size_argument] = (height, width)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The default weight initialization")
        net = torchvision.models.get_model(name, weights=None, num_classes=num_classes, **options)
    if channels != 3:
        take_channels(net, channels)
    return net


def take_channels(net: nn.Module, channels: int) -> None:
    """Replaces the first convolution by a fresh one of its kind for another count of input channels."""
    name, old = next((name, layer) for name, layer in net.named_modules() if isinstance(layer, nn.Conv2d))
    new = nn.Conv2d(
        channels,
        old.out_channels,
        old.kernel_size,  # type: ignore[arg-type]
        old.stride,  # type: ignore[arg-type]
        old.padding,  # type: ignore[arg-type]
        bias=old.bias is not None,
    )
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    if new.bias is not None:
        nn.init.zeros_(new.bias)
    parent, _, own = name.rpartition(".")
    net.get_submodule(parent).add_module(own, new)
