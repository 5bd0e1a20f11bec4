"""The index file of a bridge: the facts about another library's models, so that listing does not import it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..spec import ModelSpec, Paper, Preprocess

__all__ = ["Row", "read_index", "read_rows", "write_index"]


@dataclass(frozen=True, slots=True)
class Row:
    """One model of the library. `name` and `family` are the library's own; `parts` as in `Parts`.

    variant: what the bridge's builder needs beside name and parts.
    """

    name: str
    family: str
    parameters: int
    macs: int
    parts: Mapping[str, Any]
    preprocess: Preprocess
    paper: Paper
    min_size: int = 32
    any_size: bool = True
    variant: Mapping[str, Any] = field(default_factory=dict)


def write_index(path: Path, library: str, version: str, rows: Iterable[Row]) -> None:
    """Writes the facts, one model a line; what many models share (parts, preprocessing, papers) once."""
    tables: dict[str, dict[str, int]] = {"parts": {}, "preprocess": {}, "paper": {}}

    def shared(table: str, value: Any) -> int:
        return tables[table].setdefault(json.dumps(value), len(tables[table]))

    models = [
        [
            row.name,
            row.family,
            row.parameters,
            row.macs,
            shared("parts", dict(row.parts)),
            shared("preprocess", row.preprocess.to_json()),
            shared("paper", asdict(row.paper)),
            row.min_size,
            row.any_size,
            dict(row.variant),
        ]
        for row in sorted(rows, key=lambda row: row.name)
    ]
    lines = [f' "library": {json.dumps(library)}', f' "version": {json.dumps(version)}']
    lines += [f' "{name}": [\n  ' + ",\n  ".join(table) + "\n ]" for name, table in tables.items()]
    lines += [' "models": [\n  ' + ",\n  ".join(json.dumps(model) for model in models) + "\n ]"]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


def read_rows(path: Path) -> dict[str, Row]:
    """The rows of an index by the library's own names."""
    return {row.name: row for row in _rows(json.loads(path.read_text(encoding="utf-8")))}


def _rows(data: Mapping[str, Any]) -> Iterator[Row]:
    preprocesses = [Preprocess.from_json(entry) for entry in data["preprocess"]]
    papers = [Paper(**entry) for entry in data["paper"]]
    parts = data["parts"]
    for name, family, parameters, macs, part, preprocess, paper, *rest in data["models"]:
        yield Row(name, family, parameters, macs, parts[part], preprocesses[preprocess], papers[paper], *rest)


def read_index(path: Path, *, builder: str, licence: str) -> tuple[ModelSpec, ...]:
    """The specs of an index: models and families are named `library/name`, so that no native name is ambiguous.

    The builder is called with the row's variant, and with name and parts as `Row` has them.
    """
    data = json.loads(path.read_text(encoding="utf-8"))
    library = data["library"]
    return tuple(
        ModelSpec(
            name=f"{library}/{row.name}",
            family=f"{library}/{row.family}",
            builder=builder,
            input_size=(row.preprocess.channels, *row.preprocess.size),
            variant={"name": row.name, "parts": row.parts, **row.variant},
            parameters=row.parameters,
            macs=row.macs,
            paper=row.paper,
            licence=licence,
            preprocess=row.preprocess,
            min_size=row.min_size,
            any_size=row.any_size,
            converter="cvp_core.foreign:convert",
        )
        for row in _rows(data)
    )
