"""A compiled classifier on disk: a folder that says what it is, and is verified before it runs. Without torch.

densenet121-birds.cvp/
  manifest.json         class names, preprocessing, job, parity, timing, versions, machine, SHA-256 of every file
  weights.safetensors   the model itself, for --fallback and for compiling again
  payload/              what the backend wrote
"""

from __future__ import annotations

import hmac
import json
import os
import platform
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from ..catalogue import Claim
from ..digest import file_digest
from ..errors import MachineError, NotInstalledError, WeightsError
from ..machine import cpu_features
from ..plugins import load_target
from ..registry import backend_of
from ..spec import BackendSpec
from ..weights.atomic import write_atomically
from ..weights.header import Header
from .job import Job, Runner

__all__ = [
    "ARTIFACT_SUFFIX",
    "MANIFEST",
    "PAYLOAD",
    "WEIGHTS",
    "Manifest",
    "is_artifact",
    "open_artifact",
    "read_manifest",
    "seal",
    "verified_weights",
]

FORMAT_VERSION = 2
MANIFEST, WEIGHTS, PAYLOAD = "manifest.json", "weights.safetensors", "payload"
ARTIFACT_SUFFIX = ".cvp"
# Of these libraries another minor release may read what was written differently.
LIBRARIES = ("torch", "onnxruntime", "openvino", "tensorrt")


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
    return (path / MANIFEST).is_file()


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact. Raises WeightsError where there is none, or one that is damaged or too new."""
    path = folder / MANIFEST
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
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


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes manifest.json, last of all: a folder without one is no artifact."""
    document = json.dumps(manifest.to_json(), ensure_ascii=False, indent=1)
    write_atomically(folder / MANIFEST, document.encode())


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below the folder but the manifest."""
    return {
        path.relative_to(folder).as_posix(): file_digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / MANIFEST
    }


def library_versions() -> dict[str, str]:
    """cvp-core's and those of the libraries that are installed."""
    found = {}
    for name in ("cvp-core", *LIBRARIES):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def seal(manifest: Manifest) -> str:
    """A keyed hash of the manifest, by a key that only this user's cvp has."""
    document = manifest.to_json()
    document["seal"] = ""
    return hmac.new(_key(), json.dumps(document, sort_keys=True).encode(), "sha256").hexdigest()


def open_artifact(folder: Path, *, trust: bool = False) -> tuple[Runner, Manifest]:
    """What runs an artifact, after everything about it has been verified: files, machine, versions, who wrote it.

    trust: also code that this user's cvp did not write. Raises WeightsError with the reason for one that is refused,
    NotInstalledError where its library is missing.
    """
    manifest = read_manifest(folder)
    _verify_files(folder, manifest)
    claim = backend_of(manifest.backend)
    _verify_machine(folder, manifest)
    _verify_library(folder, manifest, claim.spec)
    if claim.spec.is_code and not trust and not hmac.compare_digest(manifest.seal, seal(manifest)):
        raise WeightsError(
            f"{folder} holds code of {manifest.backend} that this user's cvp did not write; --trust runs it anyway"
        )
    return load_payload(claim, folder / PAYLOAD, manifest.job), manifest


def verified_weights(folder: Path) -> Path:
    """The plain model that an artifact holds. Raises WeightsError if it was changed."""
    digest = read_manifest(folder).files.get(WEIGHTS)
    path = folder / WEIGHTS
    if digest is None or not path.is_file() or file_digest(path) != digest:
        raise WeightsError(f"{path} is missing or was changed since it was compiled; compile it again")
    return path


def load_payload(claim: Claim[BackendSpec], payload: Path, job: Job) -> Runner:
    """The backend's own loader, for any number of pictures."""
    run: Runner = load_target(claim.spec.loader, claim.plugin.label)(payload, job)
    return run if job.batch_size is None else _in_batches(run, job.batch_size)


def _in_batches(run: Runner, size: int) -> Runner:
    """`run`, which takes exactly `size` pictures, for any number: the last batch is filled up with its last picture."""

    def run_all(images: np.ndarray) -> np.ndarray:
        if len(images) == size:
            return run(images)
        answers = []
        for start in range(0, len(images), size):
            batch = images[start : start + size]
            missing = size - len(batch)
            filled = np.concatenate([batch, batch[-1:].repeat(missing, axis=0)]) if missing else batch
            answers.append(run(np.ascontiguousarray(filled))[: len(batch)])
        return np.concatenate(answers)

    return run_all


def _verify_files(folder: Path, manifest: Manifest) -> None:
    for name, digest in manifest.files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise WeightsError(f"{folder} is damaged: its manifest names {name}, which is outside of it")
        if not path.is_file():
            raise WeightsError(f"{folder} is damaged: {name} is missing; compile it again")
        if file_digest(path) != digest:
            raise WeightsError(f"{folder} is damaged: {name} was changed since it was compiled; compile it again")
    for path in (folder / WEIGHTS, *(folder / PAYLOAD).rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in manifest.files:
            raise WeightsError(f"{folder} is damaged: its manifest does not name {name}; compile it again")


def _verify_machine(folder: Path, manifest: Manifest) -> None:
    here = platform.machine()
    lacking = sorted(set(manifest.needs) - cpu_features())
    if manifest.arch != here or lacking:
        what = f"for {manifest.arch}" if manifest.arch != here else f"for a CPU with {' and '.join(lacking)}"
        raise WeightsError(
            f"{folder} was compiled {what}, this machine is {here if manifest.arch != here else 'without'}; "
            "compile it here, or take --fallback for the plain model"
        )


def _verify_library(folder: Path, manifest: Manifest, spec: BackendSpec) -> None:
    missing = missing_modules(spec, to_run=True)
    if missing:
        raise NotInstalledError(f"{folder} needs {' and '.join(missing)}: pip install '{spec.extra or missing[0]}'")
    present = library_versions()
    for name, written in manifest.versions.items():
        if not (name in spec.requires or (name == "torch" and spec.is_code)):
            continue
        now = present.get(name, "none")
        if _release(now) != _release(written) if spec.is_code else _release(now) < _release(written):
            raise WeightsError(
                f"{folder} was compiled with {name} {written}, here is {now}; compile it here, or take --fallback"
            )


def missing_modules(spec: BackendSpec, to_run: bool = False) -> list[str]:
    """The modules that a backend needs and that are not installed; to run, the first of them is enough."""
    from importlib.util import find_spec

    needed = spec.requires[:1] if to_run else spec.requires
    return [name for name in needed if find_spec(name) is None]


def missing_to_compile(spec: BackendSpec, precision: str) -> str:
    """What compiling for this precision needs besides and is not installed, with its pip command; "" if nothing."""
    from importlib.util import find_spec

    module, requirement = spec.compile_requires.get(precision, ("", ""))
    if not module or find_spec(module) is not None:
        return ""
    return f"{spec.name} needs {module} for {precision}: pip install '{requirement}'"


def _release(number: str) -> tuple[int, ...]:
    parts = number.split("+")[0].split(".")[:2]
    return tuple(int(part) if part.isdigit() else 0 for part in parts)


def _key() -> bytes:
    """This user's key, made when it is first asked for."""
    import platformdirs

    path = platformdirs.user_data_path("cvp") / "seal.key"
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_bytes(32))
        return path.read_bytes()
    except FileExistsError:
        return path.read_bytes()
    except OSError as error:
        raise MachineError(f"cannot keep a key in {path}: {error.strerror or error}") from error
