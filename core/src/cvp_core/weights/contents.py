"""What lies in a .safetensors file, from its header alone: names, types and shapes, without torch and without trust."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from ..errors import WeightsError

__all__ = ["Contents", "Entry", "read_contents"]

# Bytes an element. The types of less than a byte belong to language models.
_WIDTHS = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}
_LONGEST_HEADER = 16 << 20  # a thousand tensors take 0.1 MB


@dataclass(frozen=True, slots=True)
class Entry:
    """One tensor. dtype: as the format writes it, F32, BF16, I64, ...; start, end: in bytes after the header."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int

    @property
    def count(self) -> int:
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class Contents:
    """data_start: where in the file the tensors begin, in bytes. metadata: texts by name."""

    tensors: Mapping[str, Entry]
    metadata: Mapping[str, str]
    data_start: int


def read_contents(path: Path) -> Contents:
    """What the header says, after it was held against the file.

    Raises WeightsError where it cannot be true: a length beyond the file's end, a name given twice, tensors that
    overlap, leave a gap, end beyond the file, or are of another size than their shape.
    """
    if not path.is_file():
        raise WeightsError(f"{path} is {'a folder' if path.is_dir() else 'not there'}; expected a .safetensors file")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 10 or not 2 <= length <= min(_LONGEST_HEADER, size - 8):
                raise ValueError(f"its header claims {length:,} bytes, the file has {size:,}")
            document = json.loads(file.read(length), object_pairs_hook=_without_repeats)
        return _checked(document, 8 + length, size)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise WeightsError(f"{path} is no sound safetensors file: {error}") from error


def _checked(document: Any, data_start: int, size: int) -> Contents:
    if not isinstance(document, dict):
        raise ValueError("its header is not a JSON object")
    metadata = document.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata are not texts by name")
    tensors = {name: _entry(name, entry) for name, entry in document.items()}
    reached, last = 0, ""
    for name, entry in sorted(tensors.items(), key=lambda item: (item[1].start, item[1].end)):
        if entry.start != reached:
            fault = f"overlaps with '{last}'" if entry.start < reached else "leaves a gap before it"
            raise ValueError(f"'{name}' {fault}")
        reached, last = entry.end, name
    if data_start + reached != size:
        raise ValueError(f"its tensors claim {reached:,} bytes, the file has {size - data_start:,} for them")
    return Contents(tensors, metadata, data_start)


def _entry(name: str, entry: Any) -> Entry:
    try:
        dtype, shape, (start, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        numbers = [*shape, start, end]
        if not all(type(number) is int and 0 <= number < 1 << 63 for number in numbers):
            raise TypeError
        width = _WIDTHS[dtype]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"what it says of '{name}' cannot be read") from None
    if prod(shape) * width != end - start:
        raise ValueError(f"'{name}' has {end - start:,} bytes, its shape needs {prod(shape) * width:,}")
    return Entry(dtype, tuple(shape), start, end)


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"'{next(name for name in names if names.count(name) > 1)}' is in its header twice")
    return found
