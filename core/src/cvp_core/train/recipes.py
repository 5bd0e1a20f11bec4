"""Recipes: whole training configurations by name or from a TOML file; without torch.

What a recipe leaves out comes from the data set's own, else from the defaults; what is typed stands above it.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..catalogue import Claim, near_files, near_misses
from ..errors import ConfigError, UnknownNameError
from ..registry import recipes
from ..spec import RecipeSpec
from .config import resolve_config

__all__ = ["command_of", "find_named", "find_recipe"]

_SUFFIX = ".toml"


def find_recipe(name_or_path: str) -> dict[str, Any]:
    """The settings, by TrainConfig's field names, of a named recipe or of a .toml file.

    Raises UnknownNameError with near misses, AmbiguousNameError, and ConfigError in one line for a file that is
    missing, no TOML, or has a setting that is unknown or out of range.
    """
    claim = recipes().find(name_or_path)
    if claim is not None:
        return _checked(claim.spec.settings, f"recipe {claim.spec.name} of {claim.plugin.label}")
    path = Path(os.path.expanduser(name_or_path))
    if path.suffix.lower() == _SUFFIX or os.sep in name_or_path or path.is_file():
        return _checked(_read(path), str(path))
    return dict(find_named(name_or_path).spec.settings)


def find_named(name: str) -> Claim[RecipeSpec]:
    """The recipe of that name. Raises UnknownNameError with near misses, AmbiguousNameError."""
    claim = recipes().find(name)
    if claim is None:
        hint = near_misses(name, recipes().claims)
        raise UnknownNameError(f"no recipe '{name}'.{hint} `cvp recipes list` shows all; a file ends with .toml.")
    return claim


def command_of(spec: RecipeSpec) -> str:
    """What to type to run it, with a word in capitals where the user's own data or weights belong."""
    parts = ["cvp train"]
    if "model" not in spec.settings:
        parts.append("MODEL")
    parts.append(f"--recipe {spec.name}")
    if "data" not in spec.settings:
        parts.append("--data DATA")
    if needs_weights(spec.settings) and "weights" not in spec.settings:
        parts.append("--weights FILE")
    return " ".join(parts)


def needs_weights(settings: Mapping[str, Any]) -> bool:
    """Whether settings say something of a backbone that has learnt already."""
    return settings.get("freeze", "none") != "none" or "backbone_rate" in settings or "layer_decay" in settings


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        hint = near_files(path, (_SUFFIX,))
        raise ConfigError(f"no recipe file '{path}'.{hint} `cvp recipes list` shows named recipes.") from None
    except OSError as error:
        raise ConfigError(f"recipe file '{path}' cannot be read: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"recipe file '{path}' is not UTF-8 text; expected TOML such as: epochs = 20") from None
    except tomllib.TOMLDecodeError as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"recipe file '{path}' is no TOML: {reason}; expected lines such as: epochs = 20") from None


def _checked(settings: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The settings, after a look at their names, types and ranges. A table is told as what it is."""
    tables = [name for name, value in settings.items() if isinstance(value, dict)]
    if tables:
        raise ConfigError(f"{source}: [{tables[0]}] is a table; expected the settings of TrainConfig at the top level")
    try:
        config = resolve_config({"model": "any", "data": "any", **settings})
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}") from None
    return {name: getattr(config, name) for name in settings}
