"""The index file of a bridge: the facts about another library's models, so that listing does not import it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ..spec import ModelSpec, Paper, Preprocess, WeightsSpec
from ..weights.listing import Tables, add_weights, from_rows, write_members

__all__ = ["Row", "read_index", "read_rows", "renewed", "write_index"]


@dataclass(frozen=True, slots=True)
class Row:
    """One model of the library. `name` and `family` are the library's own; `parts` as in `Parts`.

    variant: what the bridge's builder needs beside name and parts. weights: what is published, the best first.
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
    weights: tuple[WeightsSpec, ...] = ()


def renewed(row: Row, preprocess: Preprocess, weights: tuple[WeightsSpec, ...]) -> Row:
    """The row with what is published today. A size that somebody publishes weights for works, tried or not."""
    sides = [min(entry.preprocess.size) for entry in weights]
    return replace(row, preprocess=preprocess, weights=weights, min_size=min(row.min_size, *sides, *preprocess.size))


def write_index(path: Path, library: str, version: str, rows: Iterable[Row]) -> None:
    """Writes the facts, one model or weights a line; what many of them share (parts, preprocessing, papers) once."""
    tables = Tables("parts", "preprocess", "paper", "kind")
    rows = sorted(rows, key=lambda row: row.name)
    models = [
        [
            row.name,
            row.family,
            row.parameters,
            row.macs,
            tables.number("parts", dict(row.parts)),
            tables.number("preprocess", row.preprocess.to_json()),
            tables.number("paper", asdict(row.paper)),
            row.min_size,
            row.any_size,
            dict(row.variant),
        ]
        for row in rows
    ]
    weights = add_weights(tables, {row.name: row.weights for row in rows})
    members = [f' "library": {json.dumps(library)}', f' "version": {json.dumps(version)}', *tables.sections()]
    members += [' "models": [\n  ' + ",\n  ".join(json.dumps(model) for model in models) + "\n ]", weights]
    write_members(path, members)


def read_rows(path: Path) -> dict[str, Row]:
    """The rows of an index by the library's own names."""
    return {row.name: row for row in _rows(json.loads(path.read_text(encoding="utf-8")))}


def _rows(data: Mapping[str, Any]) -> Iterator[Row]:
    preprocesses = [Preprocess.from_json(entry) for entry in data["preprocess"]]
    papers = [Paper(**entry) for entry in data["paper"]]
    weights = from_rows(data, preprocesses)
    parts = data["parts"]
    for name, family, parameters, macs, part, preprocess, paper, min_size, any_size, variant in data["models"]:
        yield Row(
            name,
            family,
            parameters,
            macs,
            parts[part],
            preprocesses[preprocess],
            papers[paper],
            min_size,
            any_size,
            variant,
            weights.get(name, ()),
        )


def read_index(
    path: Path, *, builder: str, licence: str, converter: str = "cvp_core.foreign:convert"
) -> tuple[ModelSpec, ...]:
    """The specs of an index: models and families are named `library/name`, so that no native name is ambiguous.

    The builder is called with the row's variant, and with name and parts as `Row` has them. converter: as in ModelSpec,
    for a library whose published files have other keys than its modules.
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
            converter=converter,
            layouts={library: row.name},
            weights=row.weights,
        )
        for row in _rows(data)
    )
