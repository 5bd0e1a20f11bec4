"""The IDX reader on files built by the published layout (yann.lecun.com/exdb/mnist)."""

from __future__ import annotations

import gzip
import struct

import numpy as np
import pytest

from cvp_core.data.idx import read_idx
from cvp_core.errors import DataError

VALUES = bytes(range(24))
FILE = b"\0\0\x08\x03" + struct.pack(">3I", 2, 3, 4) + VALUES
GZIPPED = gzip.compress(FILE, mtime=0)


@pytest.mark.parametrize("data", [FILE, GZIPPED], ids=["plain", "gzip"])
def test_pictures_are_read_in_c_order(tmp_path, data):
    (tmp_path / "f").write_bytes(data)
    assert (read_idx(tmp_path / "f", 3) == np.arange(24, dtype=np.uint8).reshape(2, 3, 4)).all()


@pytest.mark.parametrize(
    "data, reason",
    [
        (b"", "starts with nothing"),
        (b"\x89PNG\r\n", "starts with 89504e47"),
        (b"\0\0\x0d\x03" + FILE[4:], "starts with 00000d03"),
        (FILE[:10], "cut off within its header"),
        (FILE[:-1], "23 of 24 bytes"),
        (FILE + b"\0", "goes on after the 24 bytes"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "claims"),
        (GZIPPED[:-12], "cut off"),
        (GZIPPED[:-8] + bytes(8), "cannot be read: CRC"),
    ],
    ids=["empty", "foreign", "floats", "header", "short", "long", "huge", "gzip-short", "gzip-damaged"],
)
def test_anything_else_is_refused_with_the_file_and_the_reason(tmp_path, data, reason):
    (tmp_path / "f.gz").write_bytes(data)
    with pytest.raises(DataError, match=reason) as caught:
        read_idx(tmp_path / "f.gz", 3)
    assert str(tmp_path / "f.gz") in str(caught.value)


def test_a_missing_file_is_a_data_error(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path / "none", 1)
