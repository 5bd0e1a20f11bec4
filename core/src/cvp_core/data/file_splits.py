"""Which split each file of a data set is of, by the names that people and the Hugging Face hub give them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from .class_folders import split_called

__all__ = ["by_split", "split_in"]

# data/train-00000-of-00002.parquet, as the hub's own library writes: any split may be named.
_SHARDED = re.compile(r"(?:.*/)?data/(\w[\w.]*?)-\d{5}-of-\d{5}[^/]*")
_MORE = {"dev": "val", "eval": "test", "evaluation": "test"}  # besides those that folders are called


def by_split(paths: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """Paths, relative and with "/", by "train", "val" and "test"; and those of other splits, or of none.

    Numbered files below data/ go by what stands before the number. Otherwise folders say it, else, where no folder
    does, names: train, validation or test, or an alias, as a word of its own. Without any of them all are of train.
    """
    for named in (_sharded, _by_folder, _by_name):
        splits = [named(path) for path in paths]
        if any(splits):
            break
    else:
        return {"train": list(paths)}, []
    found: dict[str, list[str]] = {}
    others = []
    for path, split in zip(paths, splits, strict=True):
        if split in ("train", "val", "test"):
            found.setdefault(split, []).append(path)
        else:
            others.append(path)
    return found, others


def _sharded(path: str) -> str | None:
    match = _SHARDED.fullmatch(path)
    return (split_in(match[1]) or match[1]) if match else None


def _by_folder(path: str) -> str | None:
    return _first(split_in, path.split("/")[:-1])


def _by_name(path: str) -> str | None:
    return split_in(path.rpartition("/")[2].partition(".")[0])


def split_in(name: str) -> str | None:
    """The split that is a word of `name`, such as train in "train-000" and "my_train"."""
    return _first(lambda word: split_called(word) or _MORE.get(word.casefold()), re.split(r"[^A-Za-z]+", name))


def _first(named: Callable[[str], str | None], words: Sequence[str]) -> str | None:
    return next((split for split in map(named, words) if split), None)
