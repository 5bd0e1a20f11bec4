"""What a command compiles or measures: trained weights, an artifact's own, or a model by name with fresh weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .building import create_model
from .catalogue import Claim
from .errors import ConfigError, UnknownNameError, WeightsError
from .registry import find_model, models
from .spec import ModelSpec
from .weights.header import Header, read_header
from .weights.store import SUFFIX, find_weights

if TYPE_CHECKING:
    from .network import ImageClassifier

__all__ = ["Subject", "find_subject"]


@dataclass(frozen=True, slots=True)
class Subject:
    """label: for screens and files. model: a name for `create_model`. input_size: (channels, height, width).

    weights: a file whose model, classes and preprocessing are taken; "" for fresh weights, always the same ones.
    """

    label: str
    model: str
    input_size: tuple[int, int, int]
    weights: str = ""

    def build(self) -> ImageClassifier:
        """In evaluation mode, on the CPU."""
        return self.open()[0]

    def open(self) -> tuple[ImageClassifier, Header]:
        """As `build`, and what is known of it; fresh weights have classes called class 0, class 1, ..."""
        import torch

        from .weights.format import load_model, make_header

        if self.weights:
            return load_model(Path(self.weights))
        torch.manual_seed(0)
        channels, height, width = self.input_size
        model = create_model(self.model, in_channels=channels, image_size=(height, width)).eval()
        return model, make_header(model, [f"class {index}" for index in range(model.num_classes())])

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Subject:
        """The inverse of `to_json`."""
        channels, height, width = data["input_size"]
        return cls(**{**data, "input_size": (int(channels), int(height), int(width))})


def find_subject(
    name: str, image_size: tuple[int, int] | None = None, weights_dir: str | Path | None = None
) -> Subject:
    """The weights or artifact, or else the model, that `name` stands for; at (height, width) or at its own size.

    Raises UnknownNameError where it is neither, ConfigError for a size that the model cannot take, and what
    `find_weights`, `find_model`, `verified_weights` and `read_header` raise.
    """
    try:
        path = find_weights(name, weights_dir)
    except WeightsError as error:
        if name.endswith(SUFFIX):
            raise
        try:
            claim = find_model(name)
        except UnknownNameError as unknown:
            raise UnknownNameError(f"{unknown} And {error}") from None
        size = _sized(claim, claim.spec.input_size, image_size)
        return Subject(models().label(claim.spec.name, claim), _qualified(claim), size)
    label = path.name.removesuffix(SUFFIX)
    if path.is_dir():
        from .compile.artifact import ARTIFACT_SUFFIX, verified_weights

        path, label = verified_weights(path), label.removesuffix(ARTIFACT_SUFFIX)
    header = read_header(path)
    claim = find_model(f"{header.distribution}/{header.model}")
    size = _sized(claim, header.input_size, image_size)
    if size != header.input_size and not claim.spec.any_size:
        height, width = header.input_size[1:]
        raise ConfigError(f"{name} was trained for {height}x{width} pixels only; leave the size out")
    return Subject(label, _qualified(claim), size, str(path.resolve()))


def _qualified(claim: Claim[ModelSpec]) -> str:
    return f"{claim.plugin.distribution}/{claim.spec.name}"


def _sized(claim: Claim[ModelSpec], own: tuple[int, int, int], wanted: tuple[int, int] | None) -> tuple[int, int, int]:
    spec = claim.spec
    if wanted is None or wanted == own[1:]:
        return own
    if min(wanted) < spec.min_size:
        raise ConfigError(
            f"{spec.name} needs pictures of at least {spec.min_size}x{spec.min_size} pixels, "
            f"given {wanted[0]}x{wanted[1]}"
        )
    return (own[0], *wanted)
