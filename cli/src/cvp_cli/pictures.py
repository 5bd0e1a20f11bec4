"""Pictures on a command line: files, folders and globs, in how many views, and paths short enough for a table."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator

import click

__all__ = ["expand", "short", "tta_option"]

tta_option = click.option(
    "--tta",
    type=click.Choice(["flips", "crops"]),
    help="Average over views: a picture and its mirror image, or five crops and theirs. 2 or 10 times as long.",
)


def expand(patterns: tuple[str, ...]) -> Iterator[str]:
    """The pictures that files, folders (searched below) and globs stand for; a path that is not there stays."""
    from cvp_core.data import IMAGE_SUFFIXES

    for pattern in patterns:
        path = os.path.expanduser(pattern)
        if os.path.isdir(path):
            found = sorted(
                os.path.join(folder, name)
                for folder, _, names in os.walk(path)
                for name in names
                if os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES and not name.startswith(".")
            )
            if not found:
                raise click.UsageError(f"no pictures in the folder {pattern}")
            yield from found
        elif not os.path.lexists(path) and glob.has_magic(path):
            found = sorted(glob.glob(path, recursive=True))
            if not found:
                raise click.UsageError(f"no file matches {pattern}")
            yield from (name for name in found if not os.path.isdir(name))
        else:
            yield path


def short(path: str) -> str:
    """The last folders and the name: enough to recognise, short enough for a table."""
    parts = path.split(os.sep)
    result = parts[-1]
    for part in reversed(parts[:-1]):
        if len(result) + len(part) > 38:
            return result
        result = os.path.join(part, result) if part else result
    return path
