"""A compiled classifier's way from its folder to answers: everything about it is verified first. Without torch."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import numpy as np

from ..catalogue import Claim
from ..digest import file_digest
from ..errors import CvpError, MachineError, NotInstalledError, WeightsError
from ..machine import cpu_features
from ..registry import backend_of
from ..spec import BackendSpec
from ..targets import load_target
from .job import Job, Runner
from .manifest import (
    ARTIFACT_SUFFIX,
    PAYLOAD,
    WEIGHTS,
    Manifest,
    digests,
    is_artifact,
    library_versions,
    read_manifest,
)

__all__ = [
    "ARTIFACT_SUFFIX",
    "PAYLOAD",
    "WEIGHTS",
    "Manifest",
    "digests",
    "is_artifact",
    "library_versions",
    "load_payload",
    "missing_modules",
    "missing_to_compile",
    "open_artifact",
    "read_manifest",
    "verified_weights",
]

_OTHERWISE = "compile it here, or run its plain model by --fallback"
_THREADS = 2  # that hash: an artifact has two large files, the weights and what they became


def open_artifact(folder: Path, *, trust: bool = False) -> tuple[Runner, Manifest]:
    """What runs an artifact, after everything about it has been verified: files, machine, versions, who wrote it.

    trust: also code that this user's cvp did not write. Raises WeightsError with the reason for one that is refused,
    NotInstalledError where its library is missing, MachineError where that does not load it.
    """
    manifest = read_manifest(folder)
    with _verified_files(folder, manifest):
        claim = backend_of(manifest.backend)
        _verify_machine(folder, manifest)
        _verify_library(folder, manifest, claim.spec)
        load_target(claim.spec.loader, claim.plugin.label)  # imported while the files are hashed
    if claim.spec.is_code and not trust:
        from .signature import has_own_seal

        if not has_own_seal(manifest):
            raise WeightsError(
                f"{folder} holds code of {manifest.backend} that this user's cvp did not write; --trust runs it anyway"
            )
    try:
        return load_payload(claim, folder / PAYLOAD, manifest.job), manifest
    except CvpError:
        raise
    except Exception as error:
        what = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise MachineError(f"{folder}: {manifest.backend} cannot load it ({what}); {_OTHERWISE}") from error


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


@contextmanager
def _verified_files(folder: Path, manifest: Manifest) -> Iterator[None]:
    """The files are verified when it is left; meanwhile threads hash them, which need no interpreter for that.

    Raises WeightsError for one that is missing, changed, or not in the manifest.
    """
    waiting = iter(manifest.files.items())
    reasons: dict[str, str] = {}  # "" for a sound file

    def verify() -> None:
        for name, digest in waiting:
            reasons[name] = _fault_of(folder, name, digest)

    threads = [Thread(target=verify) for _ in range(min(_THREADS, len(manifest.files)))]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join()
    for name in manifest.files:
        if reason := reasons.get(name, f"{name} could not be read"):
            raise WeightsError(f"{folder} is damaged: {reason}")
    for path in (folder / WEIGHTS, *(folder / PAYLOAD).rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and name not in manifest.files:
            raise WeightsError(f"{folder} is damaged: its manifest does not name {name}; compile it again")


def _fault_of(folder: Path, name: str, digest: str) -> str:
    path = folder / name
    try:
        if not path.resolve().is_relative_to(folder.resolve()):
            return f"its manifest names {name}, which is outside of it"
        if not path.is_file():
            return f"{name} is missing; compile it again"
        return "" if file_digest(path) == digest else f"{name} was changed since it was compiled; compile it again"
    except OSError as error:
        return f"{name} cannot be read: {error.strerror or error}"


def _verify_machine(folder: Path, manifest: Manifest) -> None:
    here = platform.machine()
    lacking = sorted(set(manifest.needs) - cpu_features())
    if manifest.arch != here or lacking:
        what = f"for {manifest.arch}" if manifest.arch != here else f"for a CPU with {' and '.join(lacking)}"
        raise WeightsError(
            f"{folder} was compiled {what}, this machine is {here if manifest.arch != here else 'without'}; "
            + _OTHERWISE
        )


def _verify_library(folder: Path, manifest: Manifest, spec: BackendSpec) -> None:
    missing = missing_modules(spec, to_run=True)
    if missing:
        raise NotInstalledError(f"{folder} needs {' and '.join(missing)}: pip install '{spec.extra or missing[0]}'")
    needed = [name for name in manifest.versions if name in spec.requires or (name == "torch" and spec.is_code)]
    present = library_versions(needed)
    for name in needed:
        now, written = present.get(name, "none"), manifest.versions[name]
        if _release(now) != _release(written) if spec.is_code else _release(now) < _release(written):
            raise WeightsError(f"{folder} was compiled with {name} {written}, here is {now}; {_OTHERWISE}")


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
