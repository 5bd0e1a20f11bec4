"""The command line that trains a run again, fit to be shown to somebody else."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import urlsplit

from ..errors import AmbiguousNameError
from ..registry import datasets, models
from ..train.config import TrainConfig, resolve_config

__all__ = ["FLAGS", "changed_settings", "is_path", "public_name", "repeat_command"]

# Settings with a flag of their own; the others go by --set.
FLAGS = {
    "epochs": "--epochs",
    "batch_size": "--batch-size",
    "image_size": "--image-size",
    "learning_rate": "--lr",
    "optimizer": "--optimizer",
    "schedule": "--schedule",
    "augment": "--augment",
    "mixup": "--mixup",
    "cutmix": "--cutmix",
    "ema": "--ema",
    "patience": "--patience",
    "precision": "--precision",
    "val_fraction": "--val-fraction",
    "seed": "--seed",
    "freeze": "--freeze",
    "unfreeze_at": "--unfreeze-at",
    "head": "--head",
    "grad_accum": "--grad-accum",
}

# What is said elsewhere, and what belongs to the machine instead of the result.
_NOT_SETTINGS = ("model", "data", "val_data", "weights")
_OF_THE_MACHINE = ("device", "workers", "threads", "cache_gib", "checkpoint_seconds", "strategy")
_FILES = (".safetensors", ".txt", ".lst", ".list", ".csv", ".zip", ".tar", ".gz", ".tgz", ".pth")


def repeat_command(config: TrainConfig, recipe: Mapping[str, Any] | None = None, precision: str = "") -> str:
    """`cvp train ...` with what the data set's own recipe and the defaults do not say by themselves.

    recipe: the data set's. precision: what `auto` stood for. Files and folders are named
    as if they lay where the command is typed, without where they are on this machine.
    """
    from ..train.preparing import PREPARED_BY_WEIGHTS

    left_out = PREPARED_BY_WEIGHTS if config.weights is not None else ()
    taken = {key: value for key, value in (recipe or {}).items() if key not in left_out}
    base = resolve_config({"model": config.model, "data": config.data}, taken)
    if config.precision == "auto" and precision:
        config = dataclasses.replace(config, precision=precision)
    words = ["cvp", "train", config.model, "--data", _here(config.data)]
    for flag, value in (("--val-data", config.val_data), ("--weights", config.weights)):
        words += [flag, _here(value)] if value else []
    for name, value in changed_settings(config, base).items():
        words += [FLAGS[name], _shown(value)] if name in FLAGS else ["--set", f"{name}={_shown(value)}"]
    return shlex.join(words)


def changed_settings(config: TrainConfig, base: TrainConfig | None = None) -> dict[str, Any]:
    """What of the settings differs from `base`, or from the defaults, and matters on another machine too."""
    changed = {}
    for field in dataclasses.fields(TrainConfig):
        value = getattr(config, field.name)
        usual = field.default if base is None else getattr(base, field.name)
        if field.name not in (*_NOT_SETTINGS, *_OF_THE_MACHINE) and value is not None and value != usual:
            changed[field.name] = value
    return changed


def public_name(given: str) -> str:
    """A path's last part, a name as it is: not where a folder lies, and not whose home it is.

    An address loses its user, password and query, which may be a signature.
    """
    if "://" in given:
        address = urlsplit(given)
        return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"
    path = Path(given).expanduser()
    if os.path.realpath(path) == os.path.realpath(Path.home()):
        return "pictures"
    return Path(os.path.abspath(path)).name if is_path(given) else given


def is_path(given: str) -> bool:
    """Whether it names a place: those of data sets and of published weights may have a slash too."""
    if given.startswith((".", "~")) or PurePath(given).is_absolute() or PurePath(given).suffix in _FILES:
        return True
    try:
        is_name = datasets().find(given) or models().find(given.rpartition(".")[0])
    except AmbiguousNameError:
        return False
    return not is_name and ("/" in given or os.sep in given or os.path.exists(given))


def _here(given: str) -> str:
    name = public_name(given)
    return f"./{name}" if "://" not in given and is_path(given) else name


def _shown(value: Any) -> str:
    """As --set reads it: TOML, or text."""
    return value if isinstance(value, str) else json.dumps(value)
