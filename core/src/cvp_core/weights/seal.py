"""A weights file's own hash, kept in its header, so that a bit that turned on a disk is found later."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from .contents import read_contents

__all__ = ["is_intact", "sealed"]

KEY = "sha256"  # in the metadata, of the tensors as they lie in the file, then of cvp's own header


def sealed(content: bytes) -> bytes:
    """The bytes of a .safetensors file with its hash among its metadata."""
    size = int.from_bytes(content[:8], "little")
    tensors = memoryview(content)[8 + size :]
    document = json.loads(content[8 : 8 + size])
    metadata = {**document.pop("__metadata__", {})}
    metadata[KEY] = _digest(hashlib.sha256(tensors), metadata)
    header = json.dumps({"__metadata__": metadata, **document}, ensure_ascii=False, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # tensors begin at a multiple of 8
    return b"".join((len(header).to_bytes(8, "little"), header, tensors))


def is_intact(path: Path) -> bool | None:
    """Whether a file still has its hash; None where none was recorded. Raises WeightsError as `read_contents` does."""
    contents = read_contents(path)
    if KEY not in contents.metadata:
        return None
    with path.open("rb") as file:
        file.seek(contents.data_start)
        return _digest(hashlib.file_digest(file, "sha256"), contents.metadata) == contents.metadata[KEY]


def _digest(tensors: hashlib._Hash, metadata: Mapping[str, str]) -> str:
    tensors.update(metadata.get("cvp", "").encode())
    return tensors.hexdigest()
