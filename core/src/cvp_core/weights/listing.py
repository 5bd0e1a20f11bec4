"""Published weights as JSON, one a line: a family's weights.json, and the same section in a bridge's index."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..spec import Preprocess, WeightsSpec

__all__ = ["Tables", "add_weights", "from_rows", "read_weights", "write_members", "write_weights"]

Weights = Mapping[str, tuple[WeightsSpec, ...]]

# What many weights share, and so is written once: the fields of a row in the table `kind`.
_KIND = ("source", "licence", "classes", "labels")


class Tables:
    """Values that many rows share: each is stored once, a line apiece, and stands in the rows as its number."""

    def __init__(self, *names: str) -> None:
        self._numbers: dict[str, dict[str, int]] = {name: {} for name in names}

    def number(self, table: str, value: Any) -> int:
        numbers = self._numbers[table]
        return numbers.setdefault(json.dumps(value), len(numbers))

    def sections(self) -> list[str]:
        """Each table as the text of a member of a JSON object."""
        return [f' "{name}": [\n  ' + ",\n  ".join(numbers) + "\n ]" for name, numbers in self._numbers.items()]


def add_weights(tables: Tables, weights: Weights) -> str:
    """The section `weights`: by model, rows (name, url, sha256, preprocess, kind[, top1, top5]).

    preprocess and kind are numbers in these two of `tables`.
    """
    models = []
    for model, published in weights.items():
        rows = [json.dumps(_row(tables, entry)) for entry in published]
        if rows:
            models.append(f"  {json.dumps(model)}: [\n   " + ",\n   ".join(rows) + "\n  ]")
    return ' "weights": {\n' + ",\n".join(models) + "\n }"


def _row(tables: Tables, weights: WeightsSpec) -> list[Any]:
    row = [
        weights.name,
        weights.url,
        weights.sha256,
        tables.number("preprocess", weights.preprocess.to_json()),
        tables.number("kind", [getattr(weights, field) for field in _KIND]),
    ]
    return row if weights.top1 is None else [*row, weights.top1, weights.top5]


def from_rows(data: Mapping[str, Any], preprocesses: Sequence[Preprocess]) -> dict[str, tuple[WeightsSpec, ...]]:
    """What `add_weights` wrote, from the parsed JSON."""
    kinds = [dict(zip(_KIND, entry, strict=True)) for entry in data["kind"]]

    def spec(
        name: str,
        url: str,
        sha256: str,
        preprocess: int,
        kind: int,
        top1: float | None = None,
        top5: float | None = None,
    ) -> WeightsSpec:
        shared = {"preprocess": preprocesses[preprocess], **kinds[kind]}
        return WeightsSpec(name, url, sha256, top1=top1, top5=top5, **shared)

    return {model: tuple(spec(*row) for row in rows) for model, rows in data["weights"].items()}


def read_weights(path: Path) -> dict[str, tuple[WeightsSpec, ...]]:
    """The published weights of each model in a family's weights.json, the best first; none if there is no file."""
    if not path.exists():
        return {}
    data = json.loads(path.read_text(encoding="utf-8"))
    return from_rows(data, [Preprocess.from_json(entry) for entry in data["preprocess"]])


def write_weights(path: Path, weights: Weights) -> None:
    """The inverse of `read_weights`; models without any are left out."""
    tables = Tables("preprocess", "kind")
    section = add_weights(tables, weights)
    write_members(path, [*tables.sections(), section])


def write_members(path: Path, members: Iterable[str]) -> None:
    """Writes the members of a JSON object."""
    from .atomic import write_atomically

    write_atomically(path, ("{\n" + ",\n".join(members) + "\n}\n").encode())
