"""Which shards a pattern means: {000000..000012} and {a,b} as in a shell, then * and ? for files."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator

from ..errors import DataError

__all__ = ["expand", "is_url", "names_shards"]

_MOST = 1_000_000
_BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}|\{([^{}]*,[^{}]*)\}")


def is_url(text: str) -> bool:
    return "://" in text


def names_shards(text: str) -> bool:
    """Whether it is a pattern, or the address of a .tar."""
    if is_url(text):
        return text.partition("?")[0].lower().endswith(".tar")
    return bool(_BRACES.search(text)) or any(char in text for char in "*?")


def expand(pattern: str) -> list[str]:
    """The shards of a pattern in its order, those of a * sorted. Raises DataError where one is not there."""
    names: list[str] = []
    for name in _expanded(pattern):
        if len(names) > _MOST:
            raise DataError(f"'{pattern}' names more than {_MOST:,} shards")
        if is_url(name) or os.path.isfile(name):
            names.append(name)
        else:
            names.extend(_existing(name, pattern))
    return names


def _existing(name: str, pattern: str) -> list[str]:
    found = sorted(path for path in glob.glob(name) if os.path.isfile(path)) if glob.has_magic(name) else []
    if not found:
        raise DataError(f"no shard '{name}'" + (f", of '{pattern}'" if name != pattern else ""))
    return found


def _expanded(pattern: str) -> Iterator[str]:
    match = _BRACES.search(pattern)
    if match is None:
        yield pattern
        return
    first, last, words = match.groups()
    if words is None:
        step = 1 if int(last) >= int(first) else -1
        between: Iterator[str] = (f"{n:0{len(first)}d}" for n in range(int(first), int(last) + step, step))
    else:
        between = iter(words.split(","))
    for word in between:
        yield from _expanded(f"{pattern[: match.start()]}{word}{pattern[match.end() :]}")
