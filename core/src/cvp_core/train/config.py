"""Every setting of a training run, as one frozen dataclass that a TOML file can hold."""

from __future__ import annotations

import difflib
import re
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args, get_type_hints

from ..data.presets import AUGMENTATIONS, SAMPLINGS
from ..errors import ConfigError

__all__ = ["TrainConfig", "resolve_config"]

_CHOICES = {
    "optimizer": ("adamw", "adam", "sgd", "lion"),
    "schedule": ("cosine", "one-cycle", "step", "plateau", "constant"),
    "augment": AUGMENTATIONS,
    "class_weights": ("none", "balanced"),
    "sampling": SAMPLINGS,
    "head": ("linear", "mlp"),
    "precision": ("auto", "float32", "bfloat16", "float16"),
    "strategy": ("auto", "ddp", "fsdp"),
}
# Inclusive bounds; an open end is None.
_RANGES: dict[str, tuple[float | None, float | None]] = {
    "epochs": (1, None),
    "batch_size": (1, None),
    "image_size": (1, 4096),
    "learning_rate": (0, None),
    "weight_decay": (0, None),
    "momentum": (0, 1),
    "warmup_epochs": (0, None),
    "step_epochs": (1, None),
    "step_factor": (0, 1),
    "clip_norm": (0, None),
    "ema": (0, 0.999999),
    "patience": (1, None),
    "label_smoothing": (0, 1),
    "erasing": (0, 1),
    "mixup": (0, None),
    "cutmix": (0, None),
    "unfreeze_at": (1, None),
    "backbone_rate": (0, 1),
    "layer_decay": (0.01, 1),
    "grad_accum": (1, None),
    "checkpoint_seconds": (0, None),
    "cache_gib": (0, None),
    "crop": (0.1, 1),
    "val_fraction": (0.001, 0.9),
    "seed": (0, 2**63 - 1),
    "workers": (0, 256),
    "threads": (1, 1024),
}


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What `cvp train` runs. A data set's recipe may set any of it; what the user gives comes last.

    val_data: a list file of validation pictures, where `data` has none.
    image_size: pixels a side; None takes the data set's own size, else the model's.
    learning_rate: the peak, reached after `warmup_epochs` and then lowered as `schedule` says: to zero along a cosine,
        in one cycle (up for 30% of the steps, then down), by `step_factor` every `step_epochs`, by `step_factor` where
        validation has not got better for `step_epochs`, or not at all.
    weight_decay: not applied to norms and biases. momentum: of SGD alone.
    clip_norm: the gradient's greatest length; 0 does not clip. ema: decay of the average of the weights that is
        evaluated and kept, such as 0.999; 0 keeps the weights themselves.
    patience: epochs without a better validation after which it stops; None never does.
    class_weights: "balanced" weighs each picture by how rare its class is; sampling: "balanced" draws each class alike.
    erasing: probability that a rectangle of a picture is erased. mixup, cutmix: alpha of the Beta distribution that
        two pictures are mixed by (arXiv:1710.09412, 1905.04899); 0 mixes none; with both, each batch draws one.
    freeze: "none", "backbone" (all but the head) or "stage:N" (the stem and the first N stages); their norms keep
        their statistics. unfreeze_at: epochs after which all trains. backbone_rate: share of the learning rate for what
        is not the head, where weights are given or something was frozen. layer_decay: share of the rate of each stage
        relative to the one after it.
    cache_features: a frozen backbone is computed once, for pictures as validation sees them, and the head trains on
        that; False computes it for every augmented picture.
    head: "linear", or "mlp" with one hidden layer. weights: to start from: a file, a name in the store, MODEL.WEIGHTS
        for published ones, or "pretrained" for the best of them.
    grad_accum: parts that a batch is computed in, for memory; the step is the batch's.
    checkpoint_activations: stages are computed again in the backward pass instead of being kept. compile: the network
        through torch.compile.
    checkpoint_seconds: the least time between two checkpoints to resume from; 0 writes one after every step.
    cache_gib: room for decoded pictures in the user's cache folder; 0 decodes at every epoch.
    crop: share of the shorter side that evaluation's centre crop keeps; None takes that of `weights`, else 0.875.
    val_fraction: share of the training pictures kept for validation where the data has no split.
    mean, std: per channel, in units of the 0..1 range; None takes ImageNet's, or 0.5 and 0.5 for grey pictures.
    strategy: of several processes: "ddp" has the whole network in each, "fsdp" shares parameters, gradients and moments
        out among them, for networks that need more memory than one has; "auto" is ddp.
    workers: processes that decode; None chooses by machine and data.
    threads: that compute on a CPU; None takes the cores that are free. The last bits of results depend on it.
    """

    model: str
    data: str
    val_data: str | None = None
    epochs: int = 20
    batch_size: int = 32
    image_size: int | None = None
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    momentum: float = 0.9
    warmup_epochs: float = 1.0
    schedule: str = "cosine"
    step_epochs: int = 30
    step_factor: float = 0.1
    clip_norm: float = 0.0
    ema: float = 0.0
    patience: int | None = None
    label_smoothing: float = 0.0
    class_weights: str = "none"
    sampling: str = "shuffle"
    augment: str = "light"
    erasing: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0
    freeze: str = "none"
    unfreeze_at: int | None = None
    backbone_rate: float = 0.1
    layer_decay: float = 1.0
    cache_features: bool = True
    head: str = "linear"
    grad_accum: int = 1
    checkpoint_activations: bool = False
    compile: bool = False
    checkpoint_seconds: float = 60.0
    cache_gib: float = 8.0
    crop: float | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    val_fraction: float = 0.2
    seed: int = 0
    precision: str = "auto"
    channels_last: bool = True
    device: str = "auto"
    strategy: str = "auto"
    workers: int | None = None
    threads: int | None = None
    weights: str | None = None

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name} is '{getattr(self, name)}'; allowed are {', '.join(allowed)}")
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            if value is None:
                continue
            if not (low is None or value >= low) or not (high is None or value <= high):
                span = f"at least {low:g}" if high is None else f"from {low:g} to {high:g}"
                raise ConfigError(f"{name} is {value}; allowed is {span}")
        if not re.fullmatch(r"none|backbone|stage:[1-9]\d*", self.freeze):
            raise ConfigError(f"freeze is '{self.freeze}'; allowed are none, backbone and stage:N with N from 1")
        if self.unfreeze_at is not None and self.freeze == "none":
            raise ConfigError("unfreeze_at needs something frozen: --freeze backbone or stage:N")
        if (self.mean is None) != (self.std is None):
            raise ConfigError("mean and std belong together; give both or none")

    def to_dict(self) -> dict[str, Any]:
        """As TOML can hold it: what is None is left out."""
        return {key: value for key, value in asdict(self).items() if value is not None}


def resolve_config(given: Mapping[str, Any], recipe: Mapping[str, Any] | None = None) -> TrainConfig:
    """Defaults, under the data set's recipe, under what was given (None there means: not given).

    Raises ConfigError for unknown names, wrong types and values out of range.
    """
    settings = {**(recipe or {}), **{key: value for key, value in given.items() if value is not None}}
    hints = get_type_hints(TrainConfig)
    for name, value in settings.items():
        if name not in hints:
            near = difflib.get_close_matches(name, hints, n=1)
            known = f"did you mean '{near[0]}'?" if near else f"known are {', '.join(hints)}"
            raise ConfigError(f"no training setting '{name}'; {known}")
        settings[name] = _coerce(name, value, hints[name])
    missing = [f.name for f in fields(TrainConfig) if f.name in ("model", "data") and f.name not in settings]
    if missing:
        raise ConfigError(f"a training run needs {' and '.join(missing)}")
    return TrainConfig(**settings)


def _coerce(name: str, value: Any, hint: Any) -> Any:
    options = get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        if option is float and isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        if option is int and isinstance(value, int) and not isinstance(value, bool):
            return value
        if option in (str, bool) and isinstance(value, option):
            return value
        if get_args(option) and isinstance(value, list | tuple):
            return tuple(float(item) for item in value)
    wanted = " or ".join(getattr(option, "__name__", str(option)) for option in options if option is not type(None))
    raise ConfigError(f"{name} is {value!r}; expected {wanted}")
