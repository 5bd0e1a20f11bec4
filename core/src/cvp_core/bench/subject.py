"""What is measured: a model by name, or trained weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..catalogue import Claim
from ..errors import ConfigError, UnknownNameError, WeightsError
from ..registry import create_model, find_model, models
from ..spec import ModelSpec
from ..weights.header import read_header
from ..weights.store import SUFFIX, find_weights

if TYPE_CHECKING:
    from ..network import ImageClassifier

__all__ = ["Subject", "find_subject"]


@dataclass(frozen=True, slots=True)
class Subject:
    """label: for the screen. model: a name for `create_model`. input_size: (channels, height, width).

    weights: a file whose model and class count are taken; "" for fresh weights, always the same ones.
    """

    label: str
    model: str
    input_size: tuple[int, int, int]
    weights: str = ""

    def build(self) -> ImageClassifier:
        """In evaluation mode, on the CPU."""
        import torch

        if self.weights:
            from ..weights.format import load_model

            return load_model(Path(self.weights))[0]
        torch.manual_seed(0)
        channels, height, width = self.input_size
        return create_model(self.model, in_channels=channels, image_size=(height, width)).eval()

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
    """The model, or else the weights, that `name` stands for; at (height, width) or at its own size.

    Raises UnknownNameError where it is neither, ConfigError for a size that the model cannot take, and what
    `find_model` and `read_header` raise.
    """
    file: Path | None = None
    if name.endswith(SUFFIX) or Path(name).expanduser().is_file():
        file = find_weights(name, weights_dir)
    else:
        try:
            claim = find_model(name)
        except UnknownNameError:
            try:
                file = find_weights(name, weights_dir)
            except WeightsError:
                file = None
            if file is None:
                raise
    if file is not None:
        header = read_header(file)
        claim = find_model(f"{header.distribution}/{header.model}")
        size = _sized(claim, header.input_size, image_size)
        if size != header.input_size and not claim.spec.any_size:
            raise ConfigError(
                f"{file} was trained for {header.input_size[1]}x{header.input_size[2]} pixels only; leave the size out"
            )
        return Subject(file.name.removesuffix(SUFFIX), _qualified(claim), size, str(file.resolve()))
    size = _sized(claim, claim.spec.input_size, image_size)
    return Subject(models().label(claim.spec.name, claim), _qualified(claim), size)


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
