"""What a weights file says of itself: enough to rebuild the classifier and to prepare pictures for it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import WeightsError
from ..spec import Preprocess

__all__ = ["FORMAT_VERSION", "Header", "read_header"]

FORMAT_VERSION = 1

# What a message may repeat, such as in the pip command that brings the plugin.
_MODEL = re.compile(r"[a-z0-9][a-z0-9_.-]*(/[a-z0-9][a-z0-9_.-]*)?")
_DISTRIBUTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Header:
    """The metadata of a cvp weights file, one JSON document under the key `cvp`.

    model, distribution, version: what builds it. classes: one name an output. metrics: such as
    {"top1": 0.94}, shares of 1. training: the settings that repeat its validation split (seed, val_fraction) and
    others worth keeping. parent: the weights it began from. head: "linear", or "mlp" with a hidden layer.
    """

    model: str
    distribution: str
    version: str
    classes: tuple[str, ...]
    preprocess: Preprocess
    metrics: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    parent: str = ""
    head: str = "linear"

    @property
    def input_size(self) -> tuple[int, int, int]:
        """(channels, height, width) of what the model gets."""
        return (self.preprocess.channels, *self.preprocess.size)

    def to_json(self) -> dict[str, Any]:
        return {
            "format_version": FORMAT_VERSION,
            "model": self.model,
            "distribution": self.distribution,
            "version": self.version,
            "classes": list(self.classes),
            "input_size": list(self.input_size),
            "preprocess": self.preprocess.to_json(),
            "metrics": dict(self.metrics),
            "training": dict(self.training),
            "parent": self.parent,
            "head": self.head,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Header:
        """The inverse of `to_json`. Raises KeyError, TypeError or ValueError on other data."""
        model, distribution = str(document["model"]), str(document["distribution"])
        if not _MODEL.fullmatch(model) or not _DISTRIBUTION.fullmatch(distribution):
            raise ValueError(f"'{distribution}/{model}' cannot be the name of a model")
        return cls(
            model=model,
            distribution=distribution,
            version=str(document["version"]),
            classes=tuple(str(name) for name in document["classes"]),
            preprocess=Preprocess.from_json(document["preprocess"]),
            metrics=dict(document.get("metrics", {})),
            training=dict(document.get("training", {})),
            parent=str(document.get("parent", "")),
            head=str(document.get("head", "linear")),
        )

    def to_metadata(self) -> dict[str, str]:
        return {"cvp": json.dumps(self.to_json(), ensure_ascii=False, sort_keys=True)}


def read_header(path: Path) -> Header:
    """The header of a weights file. Raises WeightsError if it is missing, damaged or not of cvp."""
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise WeightsError(f"{path} is {'a folder' if path.is_dir() else 'not there'}; expected a .safetensors file")
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except SafetensorError as error:
        raise WeightsError(f"{path} {_damage(path)}") from error
    if "cvp" not in metadata:
        raise WeightsError(
            f"{path} was not written by cvp: its header names no model; "
            "`cvp weights import FILE --model MODEL` takes over weights of other libraries"
        )
    try:
        document = json.loads(metadata["cvp"])
        version = document["format_version"]
        if version > FORMAT_VERSION:
            raise WeightsError(
                f"{path} has format version {version}, this cvp-core reads up to {FORMAT_VERSION}: "
                "pip install --upgrade cvp-core"
            )
        return Header.from_json(document)
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} has a damaged cvp header ({type(error).__name__}: {error})") from error


def _damage(path: Path) -> str:
    """In a person's words, why safetensors refuses the file."""
    size = path.stat().st_size
    if size == 0:
        return "is empty (0 bytes); copy or train it again"
    start = path.open("rb").read(9)
    if start[:2] == b"PK" or start[:1] == b"\x80":
        return "is a pickle checkpoint (.pth), which cvp does not run; expected a .safetensors file of cvp"
    if len(start) == 9 and start[8:9] == b"{":
        return f"is damaged: the file ends early or was changed ({size:,} bytes); copy or train it again"
    return "is not a safetensors file; expected weights that cvp wrote"
