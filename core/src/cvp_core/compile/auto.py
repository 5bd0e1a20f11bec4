"""The fastest backend that gives the right answers, and the artifact made of it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import ConfigError, MachineError, NotInstalledError, OutputError
from ..machine import cpu_features
from ..network import ImageClassifier
from ..registry import backends
from ..weights.format import save_tensors
from ..weights.header import Header
from .artifact import (
    PAYLOAD,
    WEIGHTS,
    Manifest,
    digests,
    is_artifact,
    library_versions,
    missing_modules,
    seal,
    write_manifest,
)
from .job import Job
from .trial import Candidate, Trial, run_trial

__all__ = ["Candidate", "Trial", "best", "candidates", "compile_model", "sample_pictures"]

PICTURES = 32


def candidates(backend: str, precision: str, job: Job) -> tuple[list[Candidate], list[str]]:
    """What to try for this job, and a line for each backend that is left out.

    backend: a name, or "auto" for all that are installed. precision: one, or "auto" for float32 and what this machine
    is fast at. Raises UnknownNameError, NotInstalledError for a named backend without its library, ConfigError for a
    precision or device that it does not have.
    """
    chosen = sorted(backends(), key=lambda claim: claim.spec.name) if backend == "auto" else [backends().get(backend)]
    found: list[Candidate] = []
    left_out: list[str] = []
    for claim in chosen:
        spec = claim.spec
        missing = missing_modules(spec)
        kind = job.device.partition(":")[0]
        wanted = _precisions(kind) if precision == "auto" else (precision,)
        fitting = [name for name in wanted if name in spec.precisions]
        if missing:
            reason = f"{spec.name} needs {' and '.join(missing)}: pip install '{spec.extra or missing[0]}'"
        elif kind not in spec.devices:
            reason = f"{spec.name} does not run on {kind}, only on {', '.join(spec.devices)}"
        elif not fitting:
            reason = f"{spec.name} does not compute in {precision}, only in {', '.join(spec.precisions)}"
        else:
            found += [Candidate(claim, replace(job, precision=name)) for name in fitting]
            continue
        if backend != "auto":
            raise NotInstalledError(reason) if missing else ConfigError(reason)
        left_out.append(reason)
    if not found:
        raise ConfigError(f"no backend computes in {precision} on {job.device}: {'; '.join(left_out)}")
    return found, left_out


def _precisions(device: str) -> tuple[str, ...]:
    if device == "cpu":
        return ("float32", "bfloat16") if cpu_features() & {"amx_bf16", "avx512_bf16"} else ("float32",)
    return ("float32", "bfloat16", "float16")


def compile_model(
    model: ImageClassifier,
    header: Header,
    target: Path,
    trying: Sequence[Candidate],
    *,
    pictures: np.ndarray | None = None,
    seconds: float = 2.0,
    time_limit: float = 300.0,
    tell: Callable[[Trial], None] = lambda trial: None,
) -> tuple[Trial, list[Trial]]:
    """Tries all candidates, writes the fastest that passes to the folder `target`; returns it and all trials.

    pictures: float32 (N, channels, height, width), normalised, on which the answers are compared; made up if None.
    tell: is told each trial when it is done. Raises MachineError where none passes, OutputError for a target that
    cannot be written. An artifact that is there is replaced when the new one is whole.
    """
    if target.exists() and not is_artifact(target):
        raise OutputError(f"{target} is there and is no artifact of cvp; give another -o")
    size = trying[0].job.input_size
    inputs = sample_pictures(size) if pictures is None else pictures
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent)
    except OSError as error:
        raise OutputError(f"cannot write to {target.parent}: {error.strerror or error}") from error
    with work as name:
        folder = Path(name)
        save_tensors(folder / WEIGHTS, model.state_dict(), header)
        np.save(folder / "pictures.npy", inputs)
        reference = _eager(model, inputs)
        trials = []
        for number, candidate in enumerate(trying):
            trial = run_trial(
                candidate,
                folder / f"payload{number}",
                weights=folder / WEIGHTS,
                pictures=folder / "pictures.npy",
                reference=reference,
                seconds=seconds,
                time_limit=time_limit,
            )
            trials.append(trial)
            tell(trial)
        kept = best(trials)
        whole = folder / "whole"
        whole.mkdir()
        (folder / WEIGHTS).rename(whole / WEIGHTS)
        kept.payload.rename(whole / PAYLOAD)
        _finish(whole, header, kept)
        if target.exists():
            target.rename(folder / "replaced")  # removed with the folder, when the new one is in its place
        whole.rename(target)
    return kept, trials


def best(trials: Sequence[Trial]) -> Trial:
    """The fastest that passes. Raises MachineError with every candidate's fault where none does."""
    passed = [trial for trial in trials if not trial.fault]
    if not passed:
        faults = "; ".join(f"{trial.candidate.label}: {trial.fault}" for trial in trials)
        raise MachineError(f"no backend gave the right answers. {faults}")
    return max(passed, key=lambda trial: trial.images_per_s)


def sample_pictures(size: tuple[int, int, int], count: int = PICTURES) -> np.ndarray:
    """Smooth colours with grain, float32 (count, channels, height, width), normalised; the same for the same size."""
    channels, height, width = size
    random = np.random.default_rng(0)
    coarse = random.normal(size=(count, channels, 5, 5)).astype(np.float32)
    rows = np.linspace(0, 3.999, height)
    columns = np.linspace(0, 3.999, width)
    r, c = rows.astype(int), columns.astype(int)
    down, right = (rows - r)[:, None].astype(np.float32), (columns - c)[None, :].astype(np.float32)
    upper = coarse[:, :, r][:, :, :, c] * (1 - right) + coarse[:, :, r][:, :, :, c + 1] * right
    lower = coarse[:, :, r + 1][:, :, :, c] * (1 - right) + coarse[:, :, r + 1][:, :, :, c + 1] * right
    smooth = upper * (1 - down) + lower * down
    grain = random.normal(scale=0.2, size=(count, channels, height, width)).astype(np.float32)
    return np.ascontiguousarray(smooth + grain, dtype=np.float32)


def _eager(model: ImageClassifier, pictures: np.ndarray) -> np.ndarray:
    import torch

    with torch.inference_mode():
        batches = torch.from_numpy(pictures).split(8)
        logits: np.ndarray = torch.cat([model.eval()(batch) for batch in batches]).numpy()
    return logits


def _finish(folder: Path, header: Header, kept: Trial) -> None:
    """The manifest, when all other files are there."""
    import platform

    spec, job = kept.candidate.claim.spec, kept.candidate.job
    needs: tuple[str, ...] = ()
    if job.device == "cpu" and spec.is_native:
        needs = tuple(sorted(cpu_features()))
    manifest = Manifest(
        header=header,
        backend=f"{kept.candidate.claim.plugin.distribution}/{spec.name}",
        job=job,
        parity=kept.parity.to_json() if kept.parity else {},
        timing=kept.timing.to_json() if kept.timing else {},
        needs=needs,
        arch=platform.machine(),
        versions=library_versions(),
        files=digests(folder),
    )
    write_manifest(folder, replace(manifest, seal=seal(manifest)) if spec.is_code else manifest)
