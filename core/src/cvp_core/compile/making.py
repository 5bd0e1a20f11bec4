"""An artifact, made of the fastest candidate that gives the right answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import ConfigError, OutputError, WeightsError
from ..machine import cpu_features
from ..network import ImageClassifier
from ..weights.format import save_tensors
from ..weights.header import Header
from ..work import WorkFolder, sweep
from .auto import best, run_off, run_trials
from .candidate import Candidate
from .manifest import PAYLOAD, WEIGHTS, Manifest, digests, is_artifact, library_versions, write_manifest
from .parity import LOSSY
from .sample import Sample, sample_pictures
from .signature import seal
from .trial import COMPARED, Exam, Trial

__all__ = ["compile_model"]

_REPLACED = "replaced"  # in the work folder, the artifact that was there before


def compile_model(
    model: ImageClassifier,
    header: Header,
    target: Path,
    trying: Sequence[Candidate],
    *,
    sample: Sample | None = None,
    max_drop: float | None = None,
    seconds: float = 2.0,
    time_limit: float = 300.0,
    tell: Callable[[Trial], None] = lambda trial: None,
) -> tuple[Trial, list[Trial]]:
    """Tries all candidates, writes the fastest that passes to the folder `target`; returns it and all trials.

    sample: on which the answers are compared; made up if None. max_drop: percentage points of accuracy that a lossy
    precision may cost on the sample. tell: is told each trial when it is done, and again in the run-off. Raises
    MachineError where none passes, OutputError for a target that cannot be written. An artifact that is there is
    replaced when the new one is whole.
    """
    sweep(".*", target.parent, _put_back)
    if target.exists() and not _is_ours(target):
        raise OutputError(f"{target} is there and is no artifact of cvp; give another -o")
    if sample is None:
        made_up = sample_pictures(trying[0].job.input_size)
        sample = Sample(made_up, made_up)
    is_judged = any(candidate.job.precision in LOSSY for candidate in trying)
    if is_judged and (sample.labels is None or max_drop is None):
        raise ConfigError("a lossy precision is judged on labelled pictures, within a budget: sample and max_drop")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = WorkFolder(f".{target.name}-", target.parent)
    except OSError as error:
        raise OutputError(f"cannot write to {target.parent}: {error.strerror or error}") from error
    with work as folder:
        save_tensors(folder / WEIGHTS, model.state_dict(), header)
        exam = Exam(
            weights=folder / WEIGHTS,
            pictures=folder / "pictures.npy",
            reference=_eager(model, sample.pictures if is_judged else sample.pictures[:COMPARED]),
            calibration=folder / "calibration.npy",
            labels=sample.labels,
            max_drop=max_drop,
        )
        np.save(exam.pictures, sample.pictures)
        np.save(exam.calibration, sample.calibration)
        trials = run_trials(trying, folder, exam, seconds=seconds, time_limit=time_limit, tell=tell)
        trials = run_off(trials, exam, time_limit=time_limit, tell=tell)
        kept = best(trials)
        whole = folder / "whole"
        whole.mkdir()
        (folder / WEIGHTS).rename(whole / WEIGHTS)
        kept.payload.rename(whole / PAYLOAD)
        _finish(whole, header, kept)
        if target.exists():
            target.rename(folder / _REPLACED)  # removed with the folder, when the new one is in its place
        whole.rename(target)
    return kept, trials


def _is_ours(target: Path) -> bool:
    try:
        return is_artifact(target)
    except WeightsError:  # a store of weights
        return False


def _put_back(left: Path) -> None:
    """An artifact that was taken out of its place by a process that was killed before the new one was in it."""
    target = left.with_name(left.name[1:].rpartition("-")[0])
    if (left / _REPLACED).exists() and not target.exists():
        (left / _REPLACED).rename(target)


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
        parity={
            **(kept.parity.to_json() if kept.parity else {}),
            **({"accuracy": kept.accuracy.to_json()} if kept.accuracy else {}),
        },
        timing=kept.timing.to_json() if kept.timing else {},
        needs=needs,
        arch=platform.machine(),
        versions=library_versions(),
        files=digests(folder),
    )
    write_manifest(folder, replace(manifest, seal=seal(manifest)) if spec.is_code else manifest)
