"""What lies beside shards: a `dataset-info.json` of classes and counts, as `cvp data shard` writes, or classes.txt."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import DataError
from .class_folders import listed
from .entries import CLASSES, read_names

__all__ = ["INFO", "ShardInfo", "read_info"]

INFO = "dataset-info.json"


@dataclass(frozen=True)
class ShardInfo:
    """classes: empty where nothing names them. counts: samples of each shard, by file name, where they are known.

    digest: of the pictures and settings that the shards were made from. Others: as in DataSplits.
    """

    classes: tuple[str, ...] = ()
    origin: str = ""  # the file that says it
    name: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    synthetic: bool = False
    image_size: tuple[int, int, int] | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    def check_complete(self, files: Sequence[Path]) -> None:
        """Raises DataError for shards that the file counts and the folder lacks."""
        missing = sorted(set(self.counts) - {file.name for file in files})
        if missing:
            raise DataError(
                f"{self.origin} counts {len(self.counts)} shards, and {len(missing)} are not there: {listed(missing)}; "
                "the same `cvp data shard` command completes what was interrupted"
            )

    def to_json(self) -> dict[str, Any]:
        return {
            "format": "webdataset",
            "name": self.name,
            "classes": list(self.classes),
            "synthetic": self.synthetic,
            "image_size": self.image_size,
            "recipe": dict(self.recipe),
            "shards": dict(self.counts),
            "digest": self.digest,
        }


def read_info(folder: Path) -> ShardInfo:
    """What a folder of shards says about them. Raises DataError for a dataset-info.json of another form."""
    file = folder / INFO
    try:
        document = json.loads(file.read_bytes())
    except FileNotFoundError:
        beside = folder / CLASSES
        return ShardInfo(read_names(beside), str(beside)) if os.path.isfile(beside) else ShardInfo()
    except (OSError, ValueError) as error:
        raise DataError(f"{file} cannot be read: {error}; remove it or write it anew") from None
    classes = document.get("classes") if isinstance(document, dict) else None
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        raise DataError(f'{file} names no classes; expected {{"classes": ["cat", "dog", ...]}}')
    counts, size, recipe = document.get("shards"), document.get("image_size"), document.get("recipe")
    return ShardInfo(
        classes=tuple(classes),
        origin=str(file),
        name=str(document.get("name") or ""),
        counts={str(key): int(value) for key, value in counts.items()} if isinstance(counts, dict) else {},
        synthetic=document.get("synthetic") is True,
        image_size=(int(size[0]), int(size[1]), int(size[2])) if isinstance(size, list) and len(size) == 3 else None,
        recipe={key: _frozen(value) for key, value in recipe.items()} if isinstance(recipe, dict) else {},
        digest=str(document.get("digest") or ""),
    )


def _frozen(value: Any) -> Any:
    """Recipes hold tuples, for which JSON has lists."""
    return tuple(value) if isinstance(value, list) else value
