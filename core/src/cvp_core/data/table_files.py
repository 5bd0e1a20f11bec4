"""The files of a table: one, those of a pattern such as `train-*.parquet`, or a folder of .parquet files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from ..catalogue import near_files
from ..errors import DataError
from .address import TABLE_SUFFIXES
from .class_folders import listed, split_called
from .file_splits import by_split
from .image import IMAGE_SUFFIXES
from .shard_names import expand, names_shards
from .walk import folders_in

__all__ = ["holds_tables", "roles_of", "table_files"]

_SUFFIX = ".parquet"
_MOST_FOLDERS = 32  # with more they are classes


def holds_tables(folder: str | os.PathLike[str]) -> bool:
    """Whether it is a folder of .parquet files, as a copy of a repository of the Hugging Face hub is.

    They lie in it, beside no folders, or in folders called data, train, test and so on, or in a single other one.
    """
    if _begins_with_parquet(Path(folder)):
        return not folders_in(Path(folder))
    return bool(_holding(Path(folder)))


def table_files(place: str | os.PathLike[str]) -> list[Path]:
    """All that `place` stands for, sorted as a pattern has them. Raises DataError where there is none."""
    path = Path(os.path.expanduser(place))
    if path.is_dir():
        return [file for folder in (path, *_holding(path)) for file in _parquets(folder)]
    if not path.is_file() and names_shards(str(place)):
        try:
            return [Path(name) for name in expand(str(path))]
        except DataError:
            raise DataError(f"no table fits '{place}'; give a .csv, .tsv or .parquet, or a pattern of them") from None
    if not path.is_file():
        near = near_files(path, TABLE_SUFFIXES)
        raise DataError(f"no table '{path}'.{near} Give a .csv, .tsv or .parquet of pictures and labels.")
    return [path]


def roles_of(files: Sequence[Path]) -> tuple[list[str], list[str]]:
    """What each is of: "train", "val", "test" or, for a file that is left out, "", of each; and what to tell.

    A single file is to be trained on, whatever its name. Raises DataError where several splits are there without train.
    """
    if len(files) == 1:
        return ["train"], []
    base = os.path.commonpath([file.absolute().parent for file in files])
    names = [os.path.relpath(file.absolute(), base).replace(os.sep, "/") for file in files]
    splits, others = by_split(names)
    if "train" not in splits:
        if len(splits) != 1:
            raise DataError(f"{base} has no split called train, but {', '.join(sorted(splits) or sorted(others)[:5])}")
        splits = {"train": next(iter(splits.values()))}  # whoever gives those of validation alone wants them used
    role_of = {name: split for split, own in splits.items() for name in own}
    notes = [f"files of other splits than train, val and test are ignored: {listed(others)}"] if others else []
    return [role_of.get(name, "") for name in names], notes


def _holding(folder: Path) -> list[Path]:
    """The folders in it that hold .parquet files: those called data or as splits are, else the only one."""
    children = folders_in(folder)
    if len(children) > _MOST_FOLDERS:
        return []
    holding = [child for child in children if _begins_with_parquet(child)]
    named = [child for child in holding if child.name == "data" or split_called(child.name)]
    return named or (holding if len(holding) == 1 else [])


def _parquets(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() == _SUFFIX and file.is_file())


def _begins_with_parquet(folder: Path) -> bool:
    """Whether there is a .parquet before a picture; a folder of a million pictures is not read to the end."""
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                suffix = os.path.splitext(entry.name)[1].lower()
                if suffix == _SUFFIX or suffix in IMAGE_SUFFIXES:
                    return suffix == _SUFFIX
    except OSError:
        pass
    return False
