"""The fastest backend that gives the right answers, and the artifact made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..catalogue import Claim
from ..errors import ConfigError, MachineError, NotInstalledError, OutputError, WeightsError
from ..machine import cpu_features
from ..network import ImageClassifier
from ..registry import backends
from ..spec import BackendSpec
from ..weights.format import save_tensors
from ..weights.header import Header
from ..work import WorkFolder, sweep
from .artifact import missing_modules, missing_to_compile
from .job import Job
from .manifest import PAYLOAD, WEIGHTS, Manifest, digests, is_artifact, library_versions, write_manifest
from .parity import LOSSY
from .sample import PICTURES, Sample, sample_pictures
from .signature import seal
from .trial import COMPARED, Candidate, Exam, Trial, run_in_turns, run_trial

__all__ = [
    "PICTURES",
    "Candidate",
    "Sample",
    "Trial",
    "best",
    "candidates",
    "compile_model",
    "find_backend",
    "run_off",
    "run_trials",
    "sample_pictures",
    "slowest",
]

_HOPELESS, _WORTH_ITS_TIME_S = 5, 1.0
_NEAR, _IN_RUN_OFF = 2.0, 3
_REPLACED = "replaced"  # in the work folder, the artifact that was there before


def candidates(
    backend: str, precision: str, job: Job, *, may_be_lossy: bool = False
) -> tuple[list[Candidate], list[str]]:
    """What to try for this job, and a line for each backend that is left out.

    backend: a name or NAME:MODE, or "auto" for all that are installed. precision: one, or "auto" for float32 and what
    this machine is fast at; may_be_lossy: and int8. Raises UnknownNameError, NotInstalledError for a named backend
    without its library, ConfigError for a precision or device that it does not have, and for a lossy one that may not
    be.
    """
    if precision in LOSSY and not may_be_lossy:
        raise ConfigError(
            f"{precision} costs accuracy: say how many percentage points, and on which pictures they are counted, "
            "such as --max-drop 0.5 --data DATA"
        )
    if backend == "auto":
        chosen, named = sorted(backends(), key=lambda claim: claim.spec.name), ""
    else:
        claim, named = find_backend(backend)
        chosen = [claim]
    kind = job.device.partition(":")[0]
    wanted = _precisions(kind, may_be_lossy) if precision == "auto" else (precision,)
    found: list[Candidate] = []
    left_out: list[str] = []
    for claim in chosen:
        spec = claim.spec
        fitting = [name for name in wanted if name in spec.precisions]
        lacking = [name for name in fitting if missing_to_compile(spec, name)]
        missing = missing_modules(spec)
        if kind not in spec.devices:
            if backend == "auto":
                continue  # nothing that anybody could install
            reasons = [f"{spec.name} does not run on {kind}, only on {', '.join(spec.devices)}"]
        elif missing:
            reasons = [f"{spec.name} needs {' and '.join(missing)}: pip install '{spec.extra or missing[0]}'"]
        elif not fitting:
            reasons = [f"{spec.name} does not compute in {precision}, only in {', '.join(spec.precisions)}"]
        else:
            reasons = [missing_to_compile(spec, name) for name in lacking]
            fitting = [name for name in fitting if name not in lacking]
            modes = (named,) if named else spec.modes_for(kind)
            found += [Candidate(claim, replace(job, precision=name, mode=mode)) for mode in modes for name in fitting]
        if reasons and backend != "auto" and not found:
            is_absent = kind in spec.devices and (missing or lacking)
            raise NotInstalledError(reasons[0]) if is_absent else ConfigError(reasons[0])
        left_out += reasons
    if not found:
        raise ConfigError(f"no backend computes in {precision} on {job.device}: {'; '.join(left_out)}")
    return found, left_out


def find_backend(name: str, also: Iterable[str] = ()) -> tuple[Claim[BackendSpec], str]:
    """The backend of NAME or NAME:MODE, and the mode, "" if none is given.

    also: further names for near misses. Raises UnknownNameError for a name that there is not, ConfigError for a mode.
    """
    plain, _, mode = name.partition(":")
    claim = backends().get(plain, also=also)
    if mode and mode not in claim.spec.modes:
        there = f"it has {', '.join(claim.spec.modes)}" if claim.spec.modes else "it has none"
        raise ConfigError(f"{plain} has no mode {mode!r}; {there}")
    return claim, mode


def _precisions(device: str, may_be_lossy: bool) -> tuple[str, ...]:
    if device != "cpu":
        return ("float32", "bfloat16", "float16")
    has_bfloat16 = bool(cpu_features() & {"amx_bf16", "avx512_bf16"})
    return ("float32", *["bfloat16"] * has_bfloat16, *["int8"] * may_be_lossy)


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


def run_trials(
    trying: Sequence[Candidate],
    folder: Path,
    exam: Exam,
    *,
    seconds: float = 2.0,
    time_limit: float = 300.0,
    tell: Callable[[Trial], None] = lambda trial: None,
) -> list[Trial]:
    """Trials of the candidates, one after the other, whose payloads are made below `folder`.

    A backend's further modes are tried in the precision alone in which its first one was fastest. What takes too long
    to compile is tried in the backend's mode for that, if it has one.
    """
    trials: list[Trial] = []
    waiting = list(trying)
    while waiting:
        candidate = waiting.pop(0)
        if not _has_prospect(candidate, trials):
            continue
        payload = folder / f"payload{len(trials)}"
        trial = run_trial(candidate, payload, exam, seconds=seconds, time_limit=time_limit, slowest=slowest(trials))
        trials.append(trial)
        tell(trial)
        waiting += _instead(trial, [*waiting, *(done.candidate for done in trials)])
    return trials


def slowest(trials: Sequence[Trial]) -> float | None:
    """Seconds of a batch above which a candidate has no prospect beside those that passed; None before there are any.

    Measuring one to the end takes some twenty batches, which is minutes where each takes seconds.
    """
    passed = [trial.timing.p50 for trial in trials if trial.timing is not None and not trial.fault]
    return max(_WORTH_ITS_TIME_S, _HOPELESS * min(passed)) if passed else None


def run_off(
    trials: Sequence[Trial],
    exam: Exam,
    *,
    time_limit: float = 300.0,
    tell: Callable[[Trial], None] = lambda trial: None,
) -> list[Trial]:
    """All trials, the fastest of them timed again, in turns: the first time a neighbour may have slowed one."""
    found = list(trials)
    passed = sorted((trial.images_per_s, place) for place, trial in enumerate(found) if not trial.fault)[::-1]
    near = [place for rate, place in passed if rate * _NEAR >= passed[0][0]][:_IN_RUN_OFF]
    if len(near) > 1:
        again = run_in_turns([found[place] for place in near], exam, time_limit=time_limit)
        for place, trial in zip(near, again, strict=True):
            found[place] = trial
            tell(trial)
    return found


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


def _has_prospect(candidate: Candidate, trials: Sequence[Trial]) -> bool:
    spec, mode = candidate.claim.spec, candidate.job.mode
    if mode in ("", *spec.modes[:1], spec.mode_when_slow):
        return True
    done = [trial for trial in trials if trial.candidate.claim == candidate.claim and not trial.fault]
    first = [trial for trial in done if trial.candidate.job.mode == spec.modes[0]]
    fastest = max(first, key=lambda trial: trial.images_per_s, default=None)
    return fastest is None or fastest.candidate.job.precision == candidate.job.precision


def _instead(trial: Trial, others: Sequence[Candidate]) -> list[Candidate]:
    """The backend's mode for networks that take too long to compile, where that is so and it is not tried yet."""
    mode = trial.candidate.claim.spec.mode_when_slow
    other = Candidate(trial.candidate.claim, replace(trial.candidate.job, mode=mode))
    return [other] if mode and trial.is_late and other not in others else []


def best(trials: Sequence[Trial]) -> Trial:
    """The fastest that passes. Raises MachineError with every candidate's fault where none does."""
    passed = [trial for trial in trials if not trial.fault]
    if not passed:
        faults = "; ".join(f"{trial.candidate.label}: {trial.fault}" for trial in trials)
        raise MachineError(f"no backend gave the right answers. {faults}")
    return max(passed, key=lambda trial: (trial.is_final, trial.images_per_s))


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
