"""From names and specs to models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .catalogue import Claim
from .errors import ConfigError
from .registry import find_model
from .spec import ModelSpec
from .targets import make

if TYPE_CHECKING:
    from .network import ImageClassifier

__all__ = ["build_model", "create_model"]


def build_model(claim: Claim[ModelSpec], num_classes: int, input_size: tuple[int, int, int]) -> ImageClassifier:
    """A freshly initialised model.

    Raises ConfigError on sizes it cannot take, PluginError if its builder fails.
    """
    from .network import Identity, ImageClassifier

    spec = claim.spec
    if num_classes < 1 or input_size[0] < 1:
        raise ConfigError(f"{num_classes} classes and {input_size[0]} channels given; both must be at least 1")
    if min(input_size[1:]) < spec.min_size:
        raise ConfigError(
            f"{spec.name} needs pictures of at least {spec.min_size}x{spec.min_size} pixels, "
            f"given {input_size[1]}x{input_size[2]}"
        )
    given = {**spec.variant, "num_classes": num_classes, "input_size": input_size}
    model = make(spec.builder, claim.plugin.label, ImageClassifier, f"building {spec.name}", **given)
    model.identity = Identity(spec.name, claim.plugin.distribution, claim.plugin.version, input_size)
    return model


def create_model(
    name: str,
    *,
    num_classes: int | None = None,
    in_channels: int | None = None,
    image_size: tuple[int, int] | None = None,
    weights: str | Path | None = None,
) -> ImageClassifier:
    """A model by name, in training mode.

    num_classes, in_channels, image_size (height, width) default to those of `weights`, else of the model's
    spec: 3 channels for nearly all, 1 for nets made for MNIST. Models with `any_size` ignore `image_size`.
    weights: a .safetensors file of cvp or the name of one in the weight store; with another `num_classes`
        all but the classifier layer is taken from it.
    Raises UserError subclasses for what was given and PluginError for a builder that fails.
    """
    claim = find_model(name)
    if weights is not None:
        from .weights.format import load_for

        return load_for(claim, weights, num_classes, in_channels, image_size)
    channels, height, width = claim.spec.input_size
    size = (channels if in_channels is None else in_channels, *(image_size or (height, width)))
    return build_model(claim, claim.spec.num_classes if num_classes is None else num_classes, size)
