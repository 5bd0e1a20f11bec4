"""What torchvision says of its pretrained weights: https://pytorch.org/vision/stable/models.html."""

from __future__ import annotations

import re
from typing import Any

import torchvision
from torchvision.models import WeightsEnum

from cvp_core import Preprocess, WeightsSpec

from .model import OPTIONS

__all__ = ["preprocess_of", "weights_of"]

LICENCE = "BSD-3-Clause"
LICENCES = {"https://github.com/facebookresearch/SWAG/blob/main/LICENSE": "CC-BY-NC-4.0"}


def weights_of(name: str) -> tuple[WeightsSpec, ...]:
    """All weights that are a whole classifier: the default ones, then the others by their accuracy."""
    found = torchvision.models.get_model_weights(name)
    classifiers = [weights for weights in found if weights.meta["categories"]]  # VGG-16 is there without a head, too
    ordered = sorted(classifiers, key=lambda weights: (weights != found.DEFAULT, -_top1(weights)))
    return tuple(_spec(name, weights) for weights in ordered)


def preprocess_of(name: str, weights: WeightsEnum | None = None) -> Preprocess:
    """How pictures are prepared for these weights, else for the default ones."""
    transform = (weights or torchvision.models.get_model_weights(name).DEFAULT).transforms()
    (side,), (resize,) = transform.crop_size, transform.resize_size
    mean, std = tuple(transform.mean), tuple(transform.std)
    if "transform_input" in OPTIONS.get(name, {}):  # what that makes of ImageNet's statistics, inside the network
        mean, std = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
    return Preprocess((side, side), resize, transform.interpolation.value, mean, std)


def _spec(name: str, weights: WeightsEnum) -> WeightsSpec:
    digest = re.search(r"-([0-9a-f]{8,64})\.pth$", weights.url)  # torch.hub's convention: the SHA-256 begins so
    return WeightsSpec(
        weights.name,
        weights.url,
        digest[1] if digest else "",
        source="torchvision",
        licence=LICENCES[weights.meta["license"]] if "license" in weights.meta else LICENCE,
        classes=len(weights.meta["categories"]),
        top1=_top1(weights),
        top5=_metrics(weights)["acc@5"],
        preprocess=preprocess_of(name, weights),
    )


def _top1(weights: WeightsEnum) -> float:
    return _metrics(weights)["acc@1"]


def _metrics(weights: WeightsEnum) -> dict[str, Any]:
    return weights.meta["_metrics"]["ImageNet-1K"]
