"""What a spec is made of: a paper, preprocessing, a network's parts and published weights, frozen and torch-free."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

__all__ = ["IMAGENET_MEAN", "IMAGENET_STD", "INTERPOLATIONS", "Paper", "Parts", "Preprocess", "WeightsSpec"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")

_TAG = re.compile(r"[A-Za-z0-9][\w\-]*")
_DIGEST = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class Paper:
    """Where an architecture comes from. `arxiv` is the identifier alone (1608.06993); "" if there is none."""

    title: str
    arxiv: str = ""
    authors: str = ""
    year: int | None = None

    @property
    def url(self) -> str:
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else ""


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How a picture becomes a tensor, for validation, prediction and artifacts alike.

    size: (height, width) in pixels of what the model sees.
    resize: length in pixels that the shorter side is scaled to before the centre crop of `size`;
        None scales both sides to `size` without keeping the aspect ratio.
    mean, std: per channel, in units of the 0..1 range; their length is the channel count, 1 or 3.
    """

    size: tuple[int, int] = (224, 224)
    resize: int | None = 256
    interpolation: str = "bilinear"
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD

    def __post_init__(self) -> None:
        if len(self.size) != 2 or min(self.size) < 1:
            raise ValueError(f"size {self.size!r} is not (height, width) in pixels")
        if self.resize is not None and self.resize < max(self.size):
            raise ValueError(f"resize {self.resize} is smaller than the crop {self.size}")
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation {self.interpolation!r} is not one of {', '.join(INTERPOLATIONS)}")
        if len(self.mean) != len(self.std) or not self.mean:
            raise ValueError(f"mean has {len(self.mean)} channels, std {len(self.std)}")
        if min(self.std) <= 0:
            raise ValueError(f"std {self.std!r} is not positive")

    @property
    def channels(self) -> int:
        return len(self.mean)

    def fitted(self, input_size: tuple[int, int, int]) -> Preprocess:
        """For a network of (channels, height, width): the crop is the same share of the picture.

        Other channels get a mean and deviation of 0.5.
        """
        channels, height, width = input_size
        size, mean, std, resize = (height, width), self.mean, self.std, self.resize
        if size != self.size and resize is not None:
            resize = max(round(resize * max(size) / max(self.size)), *size)
        if channels != self.channels:
            mean, std = (0.5,) * channels, (0.5,) * channels
        return replace(self, size=size, resize=resize, mean=mean, std=std)

    def to_json(self) -> dict[str, Any]:
        return {
            "size": list(self.size),
            "resize": self.resize,
            "interpolation": self.interpolation,
            "mean": list(self.mean),
            "std": list(self.std),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Preprocess:
        """The inverse of `to_json`. Raises ValueError, KeyError or TypeError on other data."""
        height, width = data["size"]
        return cls(
            size=(int(height), int(width)),
            resize=None if data["resize"] is None else int(data["resize"]),
            interpolation=data["interpolation"],
            mean=tuple(float(value) for value in data["mean"]),
            std=tuple(float(value) for value in data["std"]),
        )


@dataclass(frozen=True, slots=True)
class Parts:
    """Where stem, stages and head lie in a network, by how the names of their modules and parameters begin.

    stem, each of stages, head: names of submodules or parameters; each parameter is below exactly one of them.
    classifiers: the last layers, an nn.Linear or nn.Conv2d with one output a class; several only in distilled nets.
    features: the submodule whose output is the last feature map.
    is_channels_last: that map is (N, H, W, features) instead of (N, features, H, W).
    """

    stem: tuple[str, ...]
    stages: tuple[tuple[str, ...], ...]
    head: tuple[str, ...]
    classifiers: tuple[str, ...]
    features: str
    is_channels_last: bool = False

    def named(self) -> dict[str, tuple[str, ...]]:
        """The parts from input to output: stem, stages.0, stages.1, ..., head."""
        stages = {f"stages.{index}": names for index, names in enumerate(self.stages)}
        return {"stem": self.stem, **stages, "head": self.head}

    def part_of(self, name: str) -> str:
        """The part, by its name in `named`, that a module or parameter belongs to; "" if to none."""
        best, depth = "", 0
        for part, prefixes in self.named().items():
            for prefix in prefixes:
                if len(prefix) >= depth and (name == prefix or name.startswith(f"{prefix}.") or not prefix):
                    best, depth = part, len(prefix)
        return best


@dataclass(frozen=True, slots=True)
class WeightsSpec:
    """Public pretrained weights of one model: where they are and what they were trained for.

    name: the publisher's (IMAGENET1K_V2, a1_in1k); `MODEL.NAME`, in lower case, is what a user types.
    url: https://..., hf://OWNER/REPOSITORY/FILE, or pypi:DISTRIBUTION/PATH for a file that a pip package carries.
    sha256: in hexadecimal; where the publisher gives its beginning alone, that, at least 8 digits; "" if none.
    source: whose keys it has, one of the model's `layouts`; "cvp" for ours.
    labels: "package.module:function" that returns the class names; "" for ImageNet's 1000, or numbers.
    extra: the pip requirement that brings a pypi: file.
    """

    name: str
    url: str
    sha256: str = ""
    source: str = "torchvision"
    licence: str = ""
    classes: int = 1000
    top1: float | None = None  # percent
    top5: float | None = None  # percent
    preprocess: Preprocess = field(default_factory=Preprocess)
    labels: str = ""
    extra: str = ""

    def __post_init__(self) -> None:
        if not _TAG.fullmatch(self.name):
            raise ValueError(f"weights name {self.name!r}: allowed are letters, digits, '_' and '-'")
        if not self.url.startswith(("https://", "http://", "hf://", "pypi:")):
            raise ValueError(f"weights {self.name}: url {self.url!r} is none of https://, hf://, pypi:")
        if self.sha256 and not _DIGEST.fullmatch(self.sha256):
            raise ValueError(f"weights {self.name}: sha256 {self.sha256!r} is not 8 to 64 hexadecimal digits")
