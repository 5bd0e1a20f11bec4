"""What a compiled classifier's folder says of itself, and whether a folder is one. Without torch.

densenet121-birds.cvp/
  manifest.json         class names, preprocessing, job, parity, timing, versions, machine, SHA-256 of every file
  weights.safetensors   the model itself, for --fallback and for compiling again
  payload/              what the backend wrote
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..digest import file_digest
from ..errors import WeightsError
from ..weights.header import Header
from .job import Job

__all__ = [
    "ARTIFACT_SUFFIX",
    "MANIFEST",
    "PAYLOAD",
    "WEIGHTS",
    "Manifest",
    "digests",
    "is_artifact",
    "library_versions",
    "read_manifest",
    "write_manifest",
]

FORMAT_VERSION = 2
MANIFEST, WEIGHTS, PAYLOAD = "manifest.json", "weights.safetensors", "payload"
ARTIFACT_SUFFIX = ".cvp"
# Of these libraries another minor release may read what was written differently.
LIBRARIES = ("torch", "onnxruntime", "openvino", "tensorrt")
_OWN = {"backend", "job", "files"}  # no other manifest.json has these


@dataclass(frozen=True)
class Manifest:
    """What an artifact says of itself.

    parity, timing: as measured where it was compiled. needs: CPU features without which it does not run as
    measured. versions: of cvp-core and of the libraries. files: SHA-256 by path below the folder. seal: of
    code alone, shows that this user's cvp wrote it.
    """

    header: Header
    backend: str
    job: Job
    parity: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    arch: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    seal: str = ""

    def to_json(self) -> dict[str, Any]:
        return {
            "format_version": FORMAT_VERSION,
            "header": self.header.to_json(),
            "backend": self.backend,
            "job": self.job.to_json(),
            "parity": dict(self.parity),
            "timing": dict(self.timing),
            "needs": list(self.needs),
            "arch": self.arch,
            "versions": dict(self.versions),
            "files": dict(self.files),
            "seal": self.seal,
        }


def is_artifact(path: Path) -> bool:
    """Whether a folder is an artifact, sound or not: its manifest says so, for others have files of that name too.

    Raises WeightsError for a store of weights, which has one and holds nothing that could be run by itself.
    """
    try:
        document = _document(path)
    except (OSError, ValueError):
        return (path / MANIFEST).is_file() and (path / PAYLOAD).is_dir()
    return document.keys() >= _OWN


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact. Raises WeightsError where there is none, or one that is damaged or too new."""
    path = folder / MANIFEST
    try:
        data = _document(folder)
        if not data.keys() >= _OWN:
            raise WeightsError(f"{folder} is no artifact of `cvp compile`: its {MANIFEST} is somebody else's")
        if data["format_version"] > FORMAT_VERSION:
            raise WeightsError(
                f"{folder} has artifact format {data['format_version']}, this cvp-core reads up to {FORMAT_VERSION}: "
                "pip install --upgrade cvp-core"
            )
        if data["format_version"] < FORMAT_VERSION:
            raise WeightsError(
                f"{folder} was compiled by an older cvp-core, which this one cannot run; compile it again"
            )
        return Manifest(
            header=Header.from_json(data["header"]),
            backend=str(data["backend"]),
            job=Job.from_json(data["job"]),
            parity=dict(data["parity"]),
            timing=dict(data["timing"]),
            needs=tuple(data["needs"]),
            arch=str(data["arch"]),
            versions=dict(data["versions"]),
            files={str(name): str(digest) for name, digest in data["files"].items()},
            seal=str(data["seal"]),
        )
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {error.strerror or error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise WeightsError(f"{path} is damaged ({type(error).__name__}: {error}); compile it again") from error


def _document(folder: Path) -> dict[str, Any]:
    """What the folder's manifest holds, whosever it is. Raises OSError, ValueError, and WeightsError for a store's."""
    data = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise ValueError("it holds no fields")
    if "weights" in data and "backend" not in data:
        first = next(iter(sorted(folder.glob("*.safetensors"))), folder / "NAME.safetensors")
        raise WeightsError(f"{folder} is a store of weights; name one of them, such as {first}")
    return data


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes manifest.json, last of all: a folder without one is no artifact."""
    from ..weights.atomic import write_atomically

    document = json.dumps(manifest.to_json(), ensure_ascii=False, indent=1)
    write_atomically(folder / MANIFEST, document.encode())


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below the folder but the manifest."""
    return {
        path.relative_to(folder).as_posix(): file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }


def library_versions(names: Iterable[str] = ("cvp-core", *LIBRARIES)) -> dict[str, str]:
    """Of those that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
