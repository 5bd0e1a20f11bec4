"""The hash of a file, of the kind that is asked for."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

__all__ = ["file_digest", "other_digest"]


def file_digest(path: Path, like: str = "") -> str:
    """In hexadecimal: the SHA-256, or the kind that the hash `like` is (MD5, SHA-1) or begins.

    Raises ValueError for a `like` that is none of them.
    """
    if like and not re.fullmatch(r"[0-9a-fA-F]{8,64}", like):
        raise ValueError(f"digest {like!r} is no SHA-256 nor its beginning, SHA-1 or MD5 in hexadecimal")
    kind = {32: "md5", 40: "sha1"}.get(len(like), "sha256")
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.new(kind, usedforsecurity=False)).hexdigest()


def other_digest(path: Path, published: str | None) -> str:
    """The file's hash if it is another than the published one, or none that begins with it; else ""."""
    if published is None or (actual := file_digest(path, published)).startswith(published.lower()):
        return ""
    return actual
