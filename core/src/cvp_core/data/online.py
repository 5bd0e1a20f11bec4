"""A data set at a URL: downloaded into the user's cache once, then read as what lies here is read."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ..errors import DataError
from .address import Address
from .archive import ARCHIVE_SUFFIXES, TAR_SUFFIXES, open_archive
from .hub_repository import HUB
from .remote import fetched, fetched_file, file_name
from .shard_names import expand
from .shards import open_shards, open_tar
from .sources import DataSplits
from .table_files import roles_of
from .tables import open_tables

__all__ = ["open_online"]


def open_online(data: str) -> DataSplits:
    """What https://..., s3://... or hf://OWNER/NAME stands for: an archive, .parquet files, shards, or a repository.

    data: may be an `Address`; may hold {00000..00012} for several .parquet files or shards.
    Raises DataError for another address, MachineError for what cannot be downloaded, and what reading it raises.
    """
    given = Address.parse(data)
    address, image, label = given.place, given.image, given.label
    given.check_without_follow()
    if address.startswith(HUB):
        from .hub_data import open_from_hub

        return open_from_hub(address, image, label)
    name = file_name(address).lower()
    if name.endswith(".parquet"):
        return _tables(address, image, label)
    given.check_without_columns()
    if name.endswith(".tar") and "{" in address:
        return open_shards(address)
    if name.endswith(".tar"):  # of shards, or of class folders
        files, notes = fetched([address])
        splits = open_tar(files[0])
        return replace(splits, location=address, notes=(*notes, *splits.notes))
    if not name.endswith(ARCHIVE_SUFFIXES):
        raise DataError(
            f"'{address}' is no folder, and what is downloaded is an archive ({', '.join(ARCHIVE_SUFFIXES[:3])}, ...), "
            f"a .parquet, .tar shards, or {HUB}OWNER/NAME; of a list or another table download the pictures with it"
        )
    file = fetched_file(address)
    with _deletable(file):
        splits = (open_tar if name.endswith(TAR_SUFFIXES) else open_archive)(file)
    return replace(splits, location=address, notes=(_kept(file), *splits.notes))


def _tables(address: str, image: str | None, label: str | None) -> DataSplits:
    files = [fetched_file(url) for url in expand(address)]
    roles, notes = roles_of(files)
    with _deletable(files[0].parent if len(files) == 1 else files[0].parent.parent):
        splits = open_tables({file: role for file, role in zip(files, roles, strict=True) if role}, image, label)
    return replace(splits, location=address, notes=(_kept(files[0]), *notes, *splits.notes))


def _kept(file: Path) -> str:
    return f"downloaded once, and kept: {file}"


@contextlib.contextmanager
def _deletable(place: Path) -> Iterator[None]:
    """What was downloaded may be a page that asks for a login, and would be kept."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{error} (it was downloaded to {place}; delete that to download it again)") from None
