"""What a plugin declares: models, data sets, backends and recipes, as frozen torch-free dataclasses.

A spec that breaks its own rules raises ValueError when it is made, so that the plugin which made it is
the one that is reported.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

__all__ = [
    "BackendSpec",
    "DatasetSpec",
    "ModelSpec",
    "Paper",
    "Parts",
    "Preprocess",
    "RecipeSpec",
    "WeightsSpec",
]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")

_NAME = re.compile(r"[a-z0-9][a-z0-9_.\-]*(/[a-z0-9][a-z0-9_.\-]*)?")
_TAG = re.compile(r"[A-Za-z0-9][\w\-]*")
_DIGEST = re.compile(r"[0-9a-f]{8,64}")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _check_name(kind: str, name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{kind} name {name!r}: allowed are lower-case letters, digits, '_', '-', '.', one '/'")


def _check_target(what: str, target: object) -> None:
    if not isinstance(target, str) or not _TARGET.fullmatch(target):
        raise ValueError(f"{what} {target!r} is not of the form 'package.module:function'")


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


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model: its name, who builds it and the facts that the conformance suite checks.

    builder: "package.module:function", called as
        function(**variant, num_classes=int, input_size=(channels, height, width)) -> ImageClassifier.
        Most families read only the channel count of `input_size`.
    variant: the paper's numbers, the builder's own keyword arguments.
    input_size: (channels, height, width) at which `parameters` and `macs` are counted with `num_classes` classes.
    any_size: the built model takes every picture of at least `min_size` pixels a side; False means that it
        is built for one size.
    parameters, macs: trainable scalars; multiply-accumulates of one picture's forward pass.
    converter: "package.module:function", function(state_dict, source) -> our state dict; "" if there is none.
    weights: what is published for it, the best first.
    layouts: the names of this very network in other libraries, by library, whose keys the converter knows.
    default: the family's name stands for this model.
    """

    name: str
    family: str
    builder: str
    input_size: tuple[int, int, int] = (3, 224, 224)
    variant: Mapping[str, Any] = field(default_factory=dict)
    parameters: int = 0
    macs: int = 0
    paper: Paper = field(default_factory=lambda: Paper(""))
    licence: str = ""
    num_classes: int = 1000
    preprocess: Preprocess = field(default_factory=Preprocess)
    min_size: int = 32
    any_size: bool = True
    default: bool = False
    converter: str = ""
    weights: tuple[WeightsSpec, ...] = ()
    layouts: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_name("model", self.name)
        _check_name("family", self.family)
        _check_target("builder", self.builder)
        if self.converter:
            _check_target("converter", self.converter)
        if len(self.input_size) != 3 or min(self.input_size) < 1:
            raise ValueError(f"{self.name}: input_size {self.input_size!r} is not (channels, height, width)")
        if (self.preprocess.channels, *self.preprocess.size) != self.input_size:
            raise ValueError(
                f"{self.name}: preprocess makes {self.preprocess.channels} channels of "
                f"{self.preprocess.size}, input_size says {self.input_size}"
            )
        if self.parameters < 0 or self.macs < 0:
            raise ValueError(f"{self.name}: parameters and macs must not be negative")
        if not isinstance(self.weights, tuple):
            raise ValueError(f"{self.name}: weights must be a tuple of WeightsSpec")
        object.__setattr__(self, "variant", MappingProxyType(dict(self.variant)))
        object.__setattr__(self, "layouts", MappingProxyType(dict(self.layouts)))


@dataclass(frozen=True, slots=True)
class DatasetSpec:
    """A data set with a name.

    opener: "package.module:function", called without arguments, returns a cvp_core.data.DataSplits.
    image_size: (channels, height, width) where all pictures share one, None for photographs of any size.
    recipe: training settings that suit this data set, by TrainConfig's field names.
    synthetic: the pictures are made by a program; every command says so.
    """

    name: str
    summary: str
    opener: str
    classes: tuple[str, ...] = ()
    image_size: tuple[int, int, int] | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    licence: str = ""
    url: str = ""
    synthetic: bool = False

    def __post_init__(self) -> None:
        _check_name("data set", self.name)
        _check_target("opener", self.opener)
        object.__setattr__(self, "recipe", MappingProxyType(dict(self.recipe)))
        object.__setattr__(self, "counts", MappingProxyType(dict(self.counts)))


@dataclass(frozen=True, slots=True)
class BackendSpec:
    """A way to run a model fast.

    compiler: "package.module:function", function(model, job, folder, pictures) writes what it needs below `folder`, a
        Path. model: an ImageClassifier in evaluation mode on the CPU; job: a cvp_core.compile.Job; pictures: float32
        (N, channels, height, width), normalised, such as the model will get, for what has to be calibrated.
    requires: import modules without which it cannot work. extra: the pip requirement that brings them.
    loader: "package.module:function", function(folder, job) returns a function of a float32 NumPy array
        (N, channels, height, width) to float32 logits (N, classes). It should import torch only if it needs it.
    precisions: those it can compute in. devices: "cpu", "cuda".
    is_code: what the compiler writes is run as code when it is loaded. is_native: it is made for this CPU's features.
    compile_requires: by precision, a module and its pip requirement that compiling for it needs besides.
    modes: ways in which it compiles, asked for as NAME:MODE; Job.mode is one of them, the first if none is named.
    tried_modes: by device, those that are tried where none is named, if not the first alone. mode_when_slow: one that
        is tried where another ran out of time.
    """

    name: str
    summary: str
    compiler: str
    requires: tuple[str, ...] = ()
    loader: str = ""
    precisions: tuple[str, ...] = ("float32",)
    devices: tuple[str, ...] = ("cpu",)
    extra: str = ""
    is_code: bool = False
    is_native: bool = False
    compile_requires: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    modes: tuple[str, ...] = ()
    tried_modes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    mode_when_slow: str = ""

    def __post_init__(self) -> None:
        _check_name("backend", self.name)
        _check_target("compiler", self.compiler)
        if self.loader:
            _check_target("loader", self.loader)
        tried = {mode for modes in self.tried_modes.values() for mode in modes}
        unknown = (tried | {self.mode_when_slow}) - {"", *self.modes}
        if unknown:
            raise ValueError(f"backend {self.name}: {', '.join(sorted(unknown))} is not among its modes {self.modes!r}")
        object.__setattr__(self, "compile_requires", MappingProxyType(dict(self.compile_requires)))
        object.__setattr__(self, "tried_modes", MappingProxyType(dict(self.tried_modes)))

    def modes_for(self, device: str) -> tuple[str, ...]:
        """Those to try on a kind of device where none is named; "" alone for a backend without modes."""
        return self.tried_modes.get(device, self.modes[:1] or ("",))


@dataclass(frozen=True, slots=True)
class RecipeSpec:
    """A named training configuration: `settings` by TrainConfig's field names, `source` where it comes from."""

    name: str
    summary: str
    settings: Mapping[str, Any]
    source: str = ""

    def __post_init__(self) -> None:
        _check_name("recipe", self.name)
        object.__setattr__(self, "settings", MappingProxyType(dict(self.settings)))
