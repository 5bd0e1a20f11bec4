"""From what `--data` was given, a folder, a list file or a name, to an opened data set."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from ..catalogue import Claim, near_misses
from ..errors import CvpError, PluginError, UnknownNameError
from ..plugins import load_target
from ..registry import datasets
from ..spec import DatasetSpec
from .folder import near_folders, open_folder
from .listing import LIST_SUFFIXES, open_list, with_val_list
from .sources import DataSplits

__all__ = ["open_data"]


def open_data(data: str | os.PathLike[str], val_data: str | os.PathLike[str] | None = None) -> DataSplits:
    """The data set that a path or a name stands for; nothing is split off and no picture is opened.

    A path is what contains a separator, starts with "." or "~", ends as a list file does (.txt, .lst, .list), or
    exists here and is not a data set's name. A name is looked for in $CVP_DATA, in ./data, and then among the
    named data sets; a folder found for a named one takes the place of its pictures and keeps its recipe.
    val_data: a list file of the validation pictures, of the same classes.
    Raises DataError for a folder or list file that cannot be used, UnknownNameError with near misses,
    AmbiguousNameError, and PluginError for an opener that fails.
    """
    splits = _open(data)
    return splits if val_data is None else with_val_list(splits, val_data)


def _open(data: str | os.PathLike[str]) -> DataSplits:
    if not isinstance(data, str):
        return _open_path(data)
    claim = datasets().find(data)
    if claim is None and (_looks_like_path(data) or os.path.exists(data)):
        return _open_path(data)
    name = data if claim is None else claim.spec.name
    for folder, origin in _user_folders(name):
        if os.path.isdir(folder):
            splits = replace(open_folder(folder), name=name, location=f"{folder} ({origin})")
            return splits if claim is None else replace(splits, recipe=claim.spec.recipe)
    if claim is None:
        raise _unknown(data)
    splits = _open_named(claim)
    if os.path.isdir(data):
        note = f"'{data}' is taken as the name of a data set; ./{data} means the folder here"
        splits = replace(splits, notes=(*splits.notes, note))
    return splits


def _open_path(path: str | os.PathLike[str]) -> DataSplits:
    is_list = os.fspath(path).lower().endswith(LIST_SUFFIXES) and not os.path.isdir(os.path.expanduser(path))
    return open_list(path) if is_list else open_folder(path)


def _looks_like_path(data: str) -> bool:
    return data.startswith((".", "~")) or os.sep in data or "/" in data or data.lower().endswith(LIST_SUFFIXES)


def _user_folders(name: str) -> list[tuple[Path, str]]:
    """Where a user keeps real pictures of a named data set, each with how it was found."""
    base = os.environ.get("CVP_DATA")
    found = [(Path(os.path.expanduser(base), name), "from $CVP_DATA")] if base else []
    return [*found, (Path("data") / name, "from ./data")]


def _open_named(claim: Claim[DatasetSpec]) -> DataSplits:
    spec, owner = claim.spec, claim.plugin.label
    opener = load_target(spec.opener, owner)
    try:
        splits = opener()
    except CvpError:
        raise
    except Exception as error:
        raise PluginError(f"{owner}: opening {spec.name} failed: {type(error).__name__}: {error}") from error
    if not isinstance(splits, DataSplits):
        raise PluginError(f"{owner}: {spec.opener} returned {type(splits).__name__}, expected DataSplits")
    recipe = {**spec.recipe, **splits.recipe}
    return replace(splits, name=spec.name, recipe=recipe, synthetic=splits.synthetic or spec.synthetic)


def _unknown(name: str) -> UnknownNameError:
    """One line for both readings of `name`: no such data set, and no such folder."""
    hint = near_misses(name, [*datasets().claims, *near_folders(Path(name))])
    return UnknownNameError(f"no data set and no folder '{name}'.{hint} `cvp data list` shows all data sets.")
