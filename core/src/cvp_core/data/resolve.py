"""From what `--data` was given, a folder, a file, an address or a name, to an opened data set."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from ..catalogue import Claim, near_misses
from ..download import OFFLINE
from ..errors import CvpError, DataError, MachineError, PluginError, UnknownNameError
from ..registry import datasets
from ..spec import DatasetSpec
from ..targets import make
from .address import LIST_SUFFIXES, Address
from .archive import ARCHIVE_SUFFIXES, TAR_SUFFIXES, open_archive
from .folder import near_folders, open_folder
from .hub import holds_saved, open_saved
from .listing import open_list, with_val_list
from .online import open_online
from .registered import place_of, registered
from .shard_names import is_url, names_shards
from .shards import holds_shards, open_shards, open_tar
from .sources import DataSplits
from .table_files import holds_tables
from .tables import open_table, with_val_table

__all__ = ["full_name", "open_data"]

# What a file is, by how its name ends; the first that fits.
_OPENERS: tuple[tuple[tuple[str, ...], Callable[..., DataSplits]], ...] = (
    (TAR_SUFFIXES, open_tar),
    (ARCHIVE_SUFFIXES, open_archive),
)
_SUFFIXES = LIST_SUFFIXES + TAR_SUFFIXES + ARCHIVE_SUFFIXES


def open_data(data: str | os.PathLike[str], val_data: str | os.PathLike[str] | None = None) -> DataSplits:
    """The data set that a path, an address or a name stands for; nothing is split off and no picture is opened.

    A path is what contains a separator, starts with "." or "~", ends as a file does that can be opened (.txt, .csv,
    .zip, .tar, ...), is a pattern of shards or tables, or exists here and is not a data set's name. An address is that
    of an archive, a .parquet or shards, https://..., or of a data set of the Hugging Face hub, hf://OWNER/NAME; it is
    downloaded once. A name is looked for among those that the user added, in $CVP_DATA, in ./data, and then among the
    named data sets; what is found for a named one takes the place of its pictures and keeps its recipe. A named one
    that would have to be downloaded gives way to a folder or file of its name here, which is a note.
    val_data: a list file or table of the validation pictures, of the same classes.
    Raises DataError for what cannot be used, UnknownNameError with near misses, AmbiguousNameError, NotInstalledError
    for what another package reads, MachineError for what cannot be downloaded, PluginError for an opener that fails.
    """
    splits = _open(data)
    if val_data is None:
        return splits
    return (with_val_table if Address.parse(val_data).is_table else with_val_list)(splits, val_data)


def full_name(name: str) -> str:
    """What means the named data set and nothing else that is called so, DISTRIBUTION/NAME; `name` if there is none.

    Raises AmbiguousNameError.
    """
    claim = datasets().find(name)
    return name if claim is None else f"{claim.plugin.distribution}/{claim.spec.name}"


def _open(data: str | os.PathLike[str]) -> DataSplits:
    if not isinstance(data, str):
        return _open_path(data)
    place = place_of(data)
    if place is not None:
        splits = replace(_open_path(place), name=data, location=f"{place} (cvp data add)")
        named = datasets().claims.get(data, [])
        return replace(splits, recipe=named[0].spec.recipe) if len(named) == 1 else splits
    claim = datasets().find(data)
    if claim is None and (_looks_like_path(data) or os.path.exists(data)):
        return _open_path(data)
    name = data if claim is None else claim.spec.name
    for folder, origin in _user_folders(name):
        if os.path.isdir(folder):
            splits = replace(_open_path(folder), name=name, location=f"{folder} ({origin})")
            return splits if claim is None else replace(splits, recipe=claim.spec.recipe)
    if claim is None:
        raise _unknown(data)
    return _named_or_here(claim) if data == name and _can_be_opened(data) else _open_named(claim)


def _named_or_here(claim: Claim[DatasetSpec]) -> DataSplits:
    """The named data set if it is on this machine, else what is here under its name, and which was taken."""
    name = claim.spec.name
    kind = "folder" if os.path.isdir(name) else "file"
    try:
        with _without_network():
            splits = _open_named(claim)
    except PluginError:
        raise
    except MachineError:
        absent = f"the data set '{name}' is not on this machine"
    except CvpError as error:
        absent = f"the data set '{name}' cannot be opened ({error})"
    else:
        note = f"'{name}' is taken as the name of a data set; .{os.sep}{name} means the {kind} here"
        return replace(splits, notes=(*splits.notes, note))
    absent += f"; {full_name(name)} means that one"
    try:
        splits = _open_path(name)
    except DataError as error:
        raise DataError(f"{error} (.{os.sep}{name} was taken, since {absent})") from None
    note = f"'{name}' is taken as .{os.sep}{name}, the {kind} here, since {absent}"
    return replace(splits, notes=(*splits.notes, note))


@contextlib.contextmanager
def _without_network() -> Iterator[None]:
    """Openers, those of plugins too, look at $CVP_OFFLINE before they download."""
    before = os.environ.get(OFFLINE)
    os.environ[OFFLINE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[OFFLINE]
        else:
            os.environ[OFFLINE] = before


def _open_path(path: str | os.PathLike[str]) -> DataSplits:
    address = Address.parse(path)
    if is_url(address.place):
        return open_online(os.fspath(path))
    place = os.path.expanduser(address.place)
    is_folder = os.path.isdir(place)
    if address.is_table or (is_folder and holds_tables(place)):
        return open_table(path)
    address.check_without_columns()
    if address.is_list and not is_folder:
        return open_list(path)
    address.check_without_follow()
    if is_folder:
        opener = open_shards if holds_shards(place) else open_saved if holds_saved(place) else open_folder
        return opener(path)
    if names_shards(place) and not os.path.exists(place):
        return open_shards(place)
    return next((opener for suffixes, opener in _OPENERS if place.lower().endswith(suffixes)), open_folder)(path)


def _looks_like_path(data: str) -> bool:
    if data.startswith((".", "~")) or os.sep in data or "/" in data or data.lower().endswith(_SUFFIXES):
        return True
    return Address.parse(data).names_pictures or names_shards(data)


def _can_be_opened(data: str) -> bool:
    """Whether a folder, or a file by how its name ends, lies here under that name."""
    return os.path.isdir(data) or (os.path.isfile(data) and _looks_like_path(data))


def _user_folders(name: str) -> list[tuple[Path, str]]:
    """Where a user keeps real pictures of a named data set, each with how it was found."""
    base = os.environ.get("CVP_DATA")
    found = [(Path(os.path.expanduser(base), name), "from $CVP_DATA")] if base else []
    return [*found, (Path("data") / name, "from ./data")]


def _open_named(claim: Claim[DatasetSpec]) -> DataSplits:
    spec = claim.spec
    splits = make(spec.opener, claim.plugin.label, DataSplits, f"opening {spec.name}")
    recipe = {**spec.recipe, **splits.recipe}
    return replace(splits, name=spec.name, recipe=recipe, synthetic=splits.synthetic or spec.synthetic)


def _unknown(name: str) -> UnknownNameError:
    """One line for both readings of `name`: no such data set, and no such folder."""
    hint = near_misses(name, [*datasets().claims, *registered(), *near_folders(Path(name))])
    return UnknownNameError(f"no data set and no folder '{name}'.{hint} `cvp data list` shows all data sets.")
