"""The header of a safetensors file held against the file: each lie that it can tell is refused with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from cvp_core.errors import WeightsError
from cvp_core.weights.contents import read_contents

ONE = '"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}'
HUGE = '"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}'


def written(folder: Path, header: str, size: int, claimed: int | None = None) -> Path:
    """A file with that header, which may claim another length, and `size` bytes of tensors."""
    path = folder / "x.safetensors"
    content = header.encode()
    path.write_bytes((len(content) if claimed is None else claimed).to_bytes(8, "little") + content + bytes(size))
    return path


def test_a_file_of_the_library_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"w": torch.zeros(2, 3), "n": torch.zeros((), dtype=torch.int64)}, path, {"key": "value"})
    found = read_contents(path)
    shapes = {name: (entry.dtype, entry.shape, entry.end - entry.start) for name, entry in found.tensors.items()}
    assert shapes == {"w": ("F32", (2, 3), 24), "n": ("I64", (), 8)}
    assert found.metadata == {"key": "value"}
    assert found.data_start + 32 == path.stat().st_size


@pytest.mark.parametrize(
    "header, size, message",
    [
        (f"{{{HUGE}}}", 8, "tensors claim 4,000,000,000 bytes, the file has 8"),
        (f"{{{ONE},{ONE}}}", 8, "'a' is in its header twice"),
        (f'{{"__metadata__":{{"cvp":"1","cvp":"2"}},{ONE}}}', 8, "'cvp' is in its header twice"),
        (f"{{{ONE},{ONE.replace('a', 'b', 1)}}}", 8, "'b' overlaps with 'a'"),
        (f"{{{ONE},{ONE.replace('a', 'b', 1).replace('[0,8]', '[12,20]')}}}", 20, "'b' leaves a gap"),
        (f"{{{ONE}}}", 12, "tensors claim 8 bytes, the file has 12"),
        (ONE.join("{}").replace("[2]", "[3]"), 8, "'a' has 8 bytes, its shape needs 12"),
        (ONE.join("{}").replace("[2]", "[-2]"), 8, "what it says of 'a'"),
        (ONE.join("{}").replace("[2]", "[true,2]"), 8, "what it says of 'a'"),
        (ONE.join("{}").replace("[0,8]", "[8,0]"), 8, "'a' has -8 bytes"),
        (ONE.join("{}").replace("F32", "F99"), 8, "what it says of 'a'"),
        (f'{{"__metadata__":{{"cvp":3}},{ONE}}}', 8, "metadata are not texts"),
        (f'{{"__metadata__":"cvp",{ONE}}}', 8, "metadata are not texts"),
        ('{"a":3}', 8, "what it says of 'a'"),
        ("[1,2]", 8, "not a JSON object"),
        ("{,}", 8, "no sound safetensors file"),
        ("[" * 100_000, 8, "no sound safetensors file"),
    ],
)
def test_a_header_that_cannot_be_true_is_refused(tmp_path: Path, header: str, size: int, message: str) -> None:
    with pytest.raises(WeightsError, match=message):
        read_contents(written(tmp_path, header, size))


@pytest.mark.parametrize("claimed", [0, 1 << 20, 1 << 40, (1 << 64) - 1])
def test_a_length_beyond_the_file_is_refused_without_reading_so_much(tmp_path: Path, claimed: int) -> None:
    with pytest.raises(WeightsError, match=f"its header claims {claimed:,} bytes"):
        read_contents(written(tmp_path, json.dumps({}), 8, claimed))


def test_a_missing_and_a_short_file_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is not there"):
        read_contents(tmp_path / "none")
    with pytest.raises(WeightsError, match="is a folder"):
        read_contents(tmp_path)
    (tmp_path / "short").write_bytes(b"\0\0")
    with pytest.raises(WeightsError, match="the file has 2"):
        read_contents(tmp_path / "short")
