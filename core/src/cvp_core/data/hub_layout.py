"""Which files of a repository on the hub are its pictures, and of which split: as its README says, else by names."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..errors import DataError
from .archive import ARCHIVE_SUFFIXES
from .class_folders import listed
from .file_splits import by_split, split_in
from .hub_repository import HUB, Repository
from .image import IMAGE_SUFFIXES

__all__ = ["class_names", "files_by_split", "is_archive", "is_parquet"]


def files_by_split(repository: Repository) -> tuple[dict[str, list[str]], list[str]]:
    """Paths of one kind, .parquet, else archives, else pictures, by train, val and test; and names of other splits.

    Raises DataError for a repository without such files, without the configuration that the address names, and with
    several where it names none.
    """
    usable = [path for path in sorted(repository.files) if not any(part.startswith(".") for part in path.split("/"))]
    for is_kind in (is_parquet, is_archive, _is_picture):
        kind = [path for path in usable if is_kind(path)]
        found, others = _of_config(repository, kind) if kind else ({}, [])
        if found:
            return _with_train(repository, found), others
    raise DataError(
        f"{repository} has no .parquet files, archives or pictures; it has {listed(usable) or 'no files'}. "
        f"{HUB}{repository.name}@refs/convert/parquet may have what the hub made of it"
    )


def class_names(repository: Repository) -> tuple[str, ...]:
    """Of the numbers 0, 1, ... by the README's `class_label`; empty unless it names those of one column."""
    infos = _dicts(repository.card.get("dataset_info"))
    chosen = [info for info in infos if info.get("config_name") == _config(repository, _configs(repository))] or infos
    found = []
    for feature in _dicts(chosen[0].get("features")) if chosen else ():
        label = [kind.get("class_label") for kind in _dicts(feature.get("dtype"))]
        names = next((each.get("names") for each in _dicts(label)), None)
        if isinstance(names, dict) and all(str(key).isdigit() for key in names):
            found.append(tuple(str(names[key]) for key in sorted(names, key=int)))
        elif isinstance(names, list):
            found.append(tuple(map(str, names)))
    return found[0] if len(found) == 1 else ()


def is_parquet(path: str) -> bool:
    return path.lower().endswith(".parquet")


def is_archive(path: str) -> bool:
    return path.lower().endswith(ARCHIVE_SUFFIXES)


def _is_picture(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in IMAGE_SUFFIXES


def _of_config(repository: Repository, paths: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    configs = _configs(repository)
    if not configs:
        return by_split(_below(repository, paths))
    name = _config(repository, configs)
    if name not in configs:
        raise _unclear(repository, list(configs))
    config = configs[name]
    base = str(config.get("data_dir") or "").strip("./")
    if "data_files" not in config:
        return by_split([path for path in paths if path.startswith(f"{base}/" if base else "")])
    found: dict[str, list[str]] = {}
    others = []
    for split, pattern in _patterns(config["data_files"]):
        fitting = [path for path in paths if _regex(f"{base}/{pattern}" if base else pattern).fullmatch(path)]
        if (role := split_in(split)) is None:
            others.append(split)
        elif fitting:
            own = found.setdefault(role, [])
            own += [path for path in fitting if path not in own]
    return found, others


def _configs(repository: Repository) -> dict[str, Mapping[str, Any]]:
    """What the README says of each configuration, by its name."""
    return {str(each.get("config_name", "default")): each for each in _dicts(repository.card.get("configs"))}


def _config(repository: Repository, configs: Mapping[str, Mapping[str, Any]]) -> str:
    """The one that is meant: as the address says, else the README's default, else the only one, else ""."""
    standard = [name for name, each in configs.items() if each.get("default") or name == "default"]
    alone = list(configs) if len(configs) == 1 else []
    return repository.config or next(iter([*standard, *alone]), "")


def _below(repository: Repository, paths: Sequence[str]) -> list[str]:
    """Those in the folder that is the configuration, where a README names none."""
    if repository.config:
        below = [path for path in paths if path.startswith(f"{repository.config}/")]
        if not below:
            raise _unclear(repository, _folders(paths))
        return below
    configs = [name for name in _folders(paths) if name != "data" and split_in(name) is None]
    if len(configs) < 2 or not is_parquet(paths[0]):
        return list(paths)
    if "default" not in configs:
        raise _unclear(repository, configs)
    return [path for path in paths if path.startswith("default/")]


def _folders(paths: Sequence[str]) -> list[str]:
    return sorted({path.split("/")[0] for path in paths if "/" in path})


def _with_train(repository: Repository, found: dict[str, list[str]]) -> dict[str, list[str]]:
    if "train" in found:
        return found
    if len(found) == 1:  # whoever publishes test pictures alone may still be learned from
        return {"train": next(iter(found.values()))}
    raise DataError(f"{repository} has no split called train, but {', '.join(sorted(found))}")


def _unclear(repository: Repository, names: Sequence[str]) -> DataError:
    what = f"no configuration '{repository.config}'" if repository.config else f"{len(names)} configurations"
    return DataError(
        f"{HUB}{repository.name} has {what}; it has {listed(names) or 'none'}, to be named as in "
        f"{HUB}{repository.name}/{names[0] if names else 'CONFIG'}"
    )


def _patterns(data_files: Any) -> Iterator[tuple[str, str]]:
    """Split and pattern of each entry of `data_files`, which READMEs write in four ways."""
    if isinstance(data_files, dict):
        data_files = [{"split": split, "path": paths} for split, paths in data_files.items()]
    for entry in data_files if isinstance(data_files, list) else [data_files]:
        split, paths = (entry.get("split", "train"), entry.get("path")) if isinstance(entry, dict) else ("train", entry)
        for path in paths if isinstance(paths, list) else [paths]:
            if isinstance(path, str):
                yield str(split), path.removeprefix("./")


def _regex(pattern: str) -> re.Pattern[str]:
    """** stands for any folders, * and ? for what is in a name, [...] for one of some characters."""
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    means = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    text = "".join(means.get(part) or (part if part.startswith("[") else re.escape(part)) for part in parts)
    try:
        return re.compile(text)
    except re.error:  # such as [z-a]
        return re.compile(re.escape(pattern))


def _dicts(value: Any) -> list[Mapping[str, Any]]:
    """A README has one thing where it could have several."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]
