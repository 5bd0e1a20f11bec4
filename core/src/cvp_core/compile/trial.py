"""One backend at one precision: compiled and run in child processes with a time limit, and what came of it."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..apart import call_apart
from ..catalogue import Claim
from ..machine import peak_memory_mb
from ..spec import BackendSpec
from .job import Job
from .parity import LOSSY, Accuracy, Parity, compare
from .timing import Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["COMPARED", "Candidate", "Exam", "Trial", "compile_here", "run_again", "run_here", "run_trial"]

COMPARED = 64  # pictures on which answers are compared; those that are judged by labels answer all


@dataclass(frozen=True)
class Candidate:
    """A backend and the job that it gets."""

    claim: Claim[BackendSpec]
    job: Job

    @property
    def backend(self) -> str:
        return f"{self.claim.plugin.distribution}/{self.claim.spec.name}"

    @property
    def name(self) -> str:
        """What `--backend` takes for it: the backend, and its mode where that is not its first."""
        from ..registry import backends

        spec, mode = self.claim.spec, self.job.mode
        name = backends().label(spec.name, self.claim)
        return f"{name}:{mode}" if mode and mode != spec.modes[0] else name

    @property
    def label(self) -> str:
        return f"{self.name} {self.job.precision}"


@dataclass(frozen=True)
class Exam:
    """What a candidate is given and asked.

    weights: file of the model; payloads have to lie beside it, as in an artifact. pictures, calibration: .npy files,
    float32 (N, channels, height, width), normalised; to compare answers on, and for compilers. reference: eager
    float32's logits (N, classes) of `pictures`. labels: int64 (N) of them, None where nobody knows them.
    max_drop: percentage points of accuracy that a lossy precision may cost.
    """

    weights: Path
    pictures: Path
    reference: np.ndarray
    calibration: Path
    labels: np.ndarray | None = None
    max_drop: float | None = None


@dataclass(frozen=True)
class Trial:
    """What came of a candidate. fault: why it is out; "" for one that passed. Seconds for compiling and loading.

    accuracy: of a lossy precision alone. is_late: compiling took longer than the time limit. rounds: how often it was
    timed; `timing` is the fastest.
    """

    candidate: Candidate
    payload: Path
    fault: str = ""
    compile_s: float = 0.0
    load_s: float = 0.0
    memory_mb: float = 0.0
    timing: Timing | None = None
    parity: Parity | None = None
    accuracy: Accuracy | None = None
    is_late: bool = False
    rounds: int = 1

    @property
    def images_per_s(self) -> float:
        return (self.candidate.job.batch_size or 1) / self.timing.p50 if self.timing else 0.0


def run_trial(
    candidate: Candidate,
    payload: Path,
    exam: Exam,
    *,
    seconds: float = 2.0,
    time_limit: float = 300.0,
    slowest: float | None = None,
) -> Trial:
    """Compiles to the empty folder `payload`, runs, compares with eager float32's answers.

    time_limit: seconds for each of compiling and running. A crash or a hang is a fault like others.
    slowest: seconds of a batch above which nothing more is measured, which is a fault too.
    Raises ValueError for a lossy precision without labels or budget.
    """
    job = candidate.job
    is_lossy = job.precision in LOSSY
    if is_lossy and (exam.labels is None or exam.max_drop is None):
        raise ValueError(f"{job.precision} is judged by labelled pictures and a budget")
    payload.mkdir(exist_ok=True)
    reference = exam.reference if is_lossy else exam.reference[:COMPARED]
    asked = {"weights": str(exam.weights), "calibration": str(exam.calibration)}
    compiled = _apart("compile_here", candidate, payload, time_limit, asked)
    if "error" in compiled:
        is_late = bool(compiled.get("is_late"))
        return Trial(candidate, payload, f"compiling: {compiled['error']}", is_late=is_late)
    found = _run_apart(candidate, payload, exam, time_limit, count=len(reference), seconds=seconds, slowest=slowest)
    if "error" in found:
        return Trial(candidate, payload, f"running: {found['error']}", compiled["seconds"])
    if slowest is not None and "too_slow" in found:
        fault = f"running: {found['too_slow']:.2g} s a batch, above {slowest:.2g} s not worth the rest of the trial"
        return Trial(candidate, payload, fault, compiled["seconds"])
    answers = np.load(_logits_of(payload))
    try:
        parity = compare(reference, answers)
    except ValueError as error:
        return Trial(candidate, payload, str(error), compiled["seconds"])
    accuracy = None
    fault = parity.fault(job.precision)
    if is_lossy and exam.labels is not None and exam.max_drop is not None:
        accuracy = Accuracy.of(reference, answers, exam.labels)
        fault = fault or accuracy.fault(exam.max_drop)
    return Trial(
        candidate,
        payload,
        fault,
        compile_s=compiled["seconds"],
        load_s=found["seconds"],
        memory_mb=found["memory_mb"],
        timing=Timing(**found["timing"]),
        parity=parity,
        accuracy=accuracy,
    )


def _run_apart(candidate: Candidate, payload: Path, exam: Exam, time_limit: float, **asked: Any) -> Mapping[str, Any]:
    pictures = {"pictures": str(exam.pictures), "logits": str(_logits_of(payload))}
    return _apart("run_here", candidate, payload, time_limit, {**pictures, **asked})


def _apart(
    function: str, candidate: Candidate, payload: Path, time_limit: float, asked: Mapping[str, Any]
) -> Mapping[str, Any]:
    """What a function of this module says of the candidate in a process of its own."""
    job = candidate.job
    arguments = {"backend": candidate.backend, "job": job.to_json(), "payload": str(payload), **asked}
    target = f"cvp_core.compile.trial:{function}"
    return call_apart(target, arguments, time_limit=time_limit, threads=job.threads)


def _logits_of(payload: Path) -> Path:
    return payload.with_name(f"{payload.name}-logits.npy")


def run_again(trial: Trial, exam: Exam, *, seconds: float, time_limit: float) -> Trial:
    """A trial that passed, timed once more in a process of its own; the faster timing stays."""
    count = trial.candidate.job.batch_size or 1
    found = _run_apart(trial.candidate, trial.payload, exam, time_limit, count=count, seconds=seconds)
    if "error" in found:
        return replace(trial, fault=f"running again: {found['error']}")
    timings = [Timing(**found["timing"]), *([trial.timing] if trial.timing else [])]
    return replace(trial, timing=min(timings, key=lambda timing: timing.p50), rounds=trial.rounds + 1)


def compile_here(
    backend: str, job: dict[str, Any], payload: str, weights: str, calibration: str, folder: str
) -> dict[str, Any]:
    """Compiles in this process; returns the seconds that it took."""
    from ..plugins import load_target
    from ..registry import backend_of
    from ..weights.format import load_model

    claim = backend_of(backend)
    began = time.perf_counter()
    model, _ = load_model(Path(weights))
    pictures = np.load(calibration, mmap_mode="c")
    load_target(claim.spec.compiler, claim.plugin.label)(model, Job.from_json(job), Path(payload), pictures)
    return {"seconds": time.perf_counter() - began}


def run_here(
    backend: str,
    job: dict[str, Any],
    payload: str,
    pictures: str,
    count: int,
    seconds: float,
    logits: str,
    folder: str,
    slowest: float | None = None,
) -> dict[str, Any]:
    """Loads as a later process will, times a batch, answers the first `count` pictures; imports torch if it must."""
    from ..registry import backend_of
    from .artifact import load_payload
    from .timing import measure

    asked = Job.from_json(job)
    began = time.perf_counter()
    run = load_payload(backend_of(backend), Path(payload), asked)
    images = np.load(pictures, mmap_mode="c")[:count]  # torch warns of memory that may not be written
    batch = np.ascontiguousarray(images[np.arange(asked.batch_size or 1) % len(images)])
    run(batch)
    loaded = time.perf_counter() - began
    if slowest is not None:
        took = min(_seconds(lambda: run(batch)) for _ in range(2))  # some still compile in the first
        if took > slowest:
            return {"too_slow": took}
    timing = measure(lambda: run(batch), seconds=seconds)
    sizes = [1, 4, 5] if asked.batch_size is None else []  # every count has to work
    answers, start = [], 0
    while start < len(images):
        size = sizes.pop() if sizes else 16
        answers.append(run(np.ascontiguousarray(images[start : start + size])))
        start += size
    np.save(logits, np.concatenate(answers))
    return {"seconds": loaded, "timing": timing.to_json(), "memory_mb": peak_memory_mb()}


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
