"""Our C++, compiled for this machine when it is first needed."""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from .places import user_cache

__all__ = ["built", "compiler", "failures", "library"]

_FLAGS = ("-O3", "-march=native", "-std=c++17", "-fPIC", "-shared")
_LONGEST_S = 120


@cache
def library(source: Path) -> ctypes.CDLL | None:
    """What a .cpp exports, or None where it cannot be built. It shares torch's threads: it has the same OpenMP."""
    try:
        found = built(source, "-fopenmp")
        return ctypes.CDLL(str(found)) if found else None
    except OSError:
        return None


@cache
def built(source: Path, *flags: str) -> Path | None:
    """The library of a .cpp, or None where there is no Linux, no compiler or no room for it, or what it needs.

    It is compiled once and kept in the user's cache folder, by its text, its flags and this machine's processor; one
    that another user put there is not taken. What a compiler says that fails is kept beside it, see `failures`.
    """
    if sys.platform != "linux":
        return None
    try:
        target = _folder() / f"{source.stem}-{_key(source, flags)}.so"
        if not target.exists():
            _build(source, flags, target)
        return target if target.stat().st_uid == os.getuid() else None
    except (OSError, subprocess.SubprocessError):
        return None


def failures() -> dict[str, Path]:
    """By the name of a source: the command and what the compiler said, of those that failed when last needed."""
    if sys.platform != "linux":
        return {}
    return {path.name.rpartition("-")[0]: path for path in sorted(_folder().glob("*.log"))}


def compiler() -> str | None:
    """The C++ compiler: $CXX, else g++ or c++."""
    return shutil.which(os.environ.get("CXX") or "g++") or shutil.which("c++")


def _folder() -> Path:
    return user_cache("native") / str(os.getuid())


def _key(source: Path, flags: Sequence[str]) -> str:
    processor = re.search(r"^(flags|Features)\s*:.*$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    parts = (source.read_bytes(), " ".join((*_FLAGS, *flags)).encode(), platform.machine().encode())
    digest = hashlib.sha256(b"\0".join(parts))
    digest.update(processor[0].encode() if processor else b"")
    return digest.hexdigest()[:16]


def _build(source: Path, flags: Sequence[str], target: Path) -> None:
    """The library appears whole or not at all. Raises OSError or subprocess.SubprocessError."""
    program = compiler()
    if program is None:
        raise FileNotFoundError("no C++ compiler")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        made = Path(folder) / target.name
        command = [program, *_FLAGS, "-o", str(made), str(source), *flags]
        try:
            subprocess.run(command, check=True, capture_output=True, timeout=_LONGEST_S)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            said = (error.stderr or b"").decode(errors="replace")
            target.with_suffix(".log").write_text(f"{shlex.join(command)}\n{error}\n{said}", encoding="utf-8")
            raise
        os.replace(made, target)
    for log in target.parent.glob(f"{source.stem}-*.log"):
        log.unlink(missing_ok=True)
