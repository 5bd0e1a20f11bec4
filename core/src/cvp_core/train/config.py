"""Every setting of a training run, as one frozen dataclass that a TOML file can hold."""

from __future__ import annotations

import difflib
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args, get_type_hints

from ..errors import ConfigError

__all__ = ["TrainConfig", "resolve_config"]

_CHOICES = {
    "optimizer": ("adamw", "sgd"),
    "augment": ("none", "light", "shift"),
    "precision": ("auto", "float32", "bfloat16", "float16"),
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
    "label_smoothing": (0, 1),
    "crop": (0.1, 1),
    "val_fraction": (0.001, 0.9),
    "seed": (0, 2**63 - 1),
    "workers": (0, 256),
    "threads": (1, 1024),
}


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """What `cvp train` runs. A data set's recipe may set any of it; what the user gives comes last.

    image_size: pixels a side; None takes the data set's own size, else the model's.
    learning_rate: the peak, reached after `warmup_epochs` and then lowered to zero along a cosine.
    weight_decay: not applied to norms and biases. momentum: of SGD alone.
    crop: share of the shorter side that evaluation's centre crop keeps.
    val_fraction: share of the training pictures kept for validation where the data has no split.
    mean, std: per channel, in units of the 0..1 range; None takes ImageNet's, or 0.5 and 0.5 for grey pictures.
    workers: processes that decode; None chooses by machine and data.
    threads: that compute on a CPU; None takes the cores that are free. The last bits of results depend on it.
    """

    model: str
    data: str
    epochs: int = 20
    batch_size: int = 32
    image_size: int | None = None
    optimizer: str = "adamw"
    learning_rate: float = 1e-3
    weight_decay: float = 0.05
    momentum: float = 0.9
    warmup_epochs: float = 1.0
    label_smoothing: float = 0.0
    augment: str = "light"
    crop: float = 0.875
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    val_fraction: float = 0.2
    seed: int = 0
    precision: str = "auto"
    channels_last: bool = True
    device: str = "auto"
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
