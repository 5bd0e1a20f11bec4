"""What a plugin declares: models, data sets, backends and recipes, as frozen torch-free dataclasses.

A spec that breaks its own rules raises ValueError when it is made, so that the plugin which made it is
the one that is reported. What specs are made of is in `facts`, and has its names here too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from .facts import IMAGENET_MEAN, IMAGENET_STD, INTERPOLATIONS, Paper, Parts, Preprocess, WeightsSpec

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "INTERPOLATIONS",
    "BackendSpec",
    "DatasetSpec",
    "ModelSpec",
    "Paper",
    "Parts",
    "Preprocess",
    "RecipeSpec",
    "WeightsSpec",
]

_NAME = re.compile(r"[a-z0-9][a-z0-9_.\-]*(/[a-z0-9][a-z0-9_.\-]*)?")
_TARGET = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def _check_name(kind: str, name: object) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{kind} name {name!r}: allowed are lower-case letters, digits, '_', '-', '.', one '/'")


def _check_target(what: str, target: object) -> None:
    if not isinstance(target, str) or not _TARGET.fullmatch(target):
        raise ValueError(f"{what} {target!r} is not of the form 'package.module:function'")


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
    num_classes: how many, where `classes` does not list them; 0 where that is not known.
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
    num_classes: int = 0

    def __post_init__(self) -> None:
        _check_name("data set", self.name)
        _check_target("opener", self.opener)
        if self.classes and self.num_classes not in (0, len(self.classes)):
            raise ValueError(f"{self.name}: num_classes is {self.num_classes}, and {len(self.classes)} are listed")
        object.__setattr__(self, "num_classes", self.num_classes or len(self.classes))
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
