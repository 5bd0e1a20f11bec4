"""Compilation: the fastest correct forward pass of a classifier on this machine, as one verified artifact.

`compile_model` tries the backends in processes of their own and writes the fastest that gives the right answers;
`open_artifact` runs it again. A backend is a compiler that writes files and a loader that runs them (`BackendSpec`).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .job import Job, Runner

if TYPE_CHECKING:
    from .artifact import open_artifact
    from .candidate import Candidate, candidates
    from .making import compile_model
    from .manifest import Manifest, is_artifact, read_manifest
    from .sample import Sample
    from .trial import Trial

__all__ = [
    "Candidate",
    "Job",
    "Manifest",
    "Runner",
    "Sample",
    "Trial",
    "candidates",
    "compile_model",
    "is_artifact",
    "open_artifact",
    "read_manifest",
]

_LAZY = {
    "Candidate": "candidate",
    "Manifest": "manifest",
    "Sample": "sample",
    "Trial": "trial",
    "candidates": "candidate",
    "compile_model": "making",
    "is_artifact": "manifest",
    "open_artifact": "artifact",
    "read_manifest": "manifest",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
