"""One backend at one precision: compiled and run in child processes with a time limit, and what came of it."""

from __future__ import annotations

import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..apart import call_apart, started_apart
from ..machine import peak_memory_mb
from ..work import WorkFolder
from .candidate import Candidate
from .job import Job
from .parity import LOSSY, Accuracy, Parity, compare
from .timing import Timing, Turns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["COMPARED", "Exam", "Trial", "compile_here", "run_here", "run_in_turns", "run_trial"]

_GLANCE_S = 0.05
COMPARED = 64  # pictures on which answers are compared; those that are judged by labels answer all


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

    accuracy: of a lossy precision alone. is_late: compiling took longer than the time limit. is_final: `timing` was
    taken in turns with the others that could be the fastest.
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
    is_final: bool = False

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
    compiled = call_apart(**_request("compile_here", candidate, payload, **asked), time_limit=time_limit)
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


def run_in_turns(trials: Sequence[Trial], exam: Exam, *, time_limit: float) -> list[Trial]:
    """Trials that passed, timed once more, each in a process of its own, that go on in turns.

    One that is too late keeps the others waiting: such trials are then timed alone.
    """
    found: dict[int, Mapping[str, Any]] = {}
    with WorkFolder("cvp-turns-") as folder, ExitStack() as running:
        place = folder / "turns"  # the folder itself is locked
        place.mkdir()
        turns = {"folder": str(place), "count": len(trials)}
        answers = []
        for trial in trials:
            request = _run_request(trial.candidate, trial.payload, exam, count=1, turns=turns)
            answers.append(running.enter_context(started_apart(**request)))
        end = time.monotonic() + time_limit * len(trials)
        while len(found) < len(trials):
            for number, answer in enumerate(answers):
                if number not in found:
                    said = answer(_GLANCE_S)
                    if not said.get("is_late") or time.monotonic() > end:
                        found[number] = said
                        (place / f"ended{number}").touch()
    again = []
    for number, trial in enumerate(trials):
        answered = found[number]
        if answered.get("is_late"):
            answered = _run_apart(trial.candidate, trial.payload, exam, time_limit, count=1)
        if "error" in answered:
            again.append(replace(trial, fault=f"running again: {answered['error']}"))
        else:
            again.append(replace(trial, timing=Timing(**answered["timing"]), is_final=True))
    return again


def _run_apart(candidate: Candidate, payload: Path, exam: Exam, time_limit: float, **asked: Any) -> Mapping[str, Any]:
    return call_apart(**_run_request(candidate, payload, exam, **asked), time_limit=time_limit)


def _run_request(candidate: Candidate, payload: Path, exam: Exam, **asked: Any) -> dict[str, Any]:
    logits = str(_logits_of(payload))
    return _request("run_here", candidate, payload, pictures=str(exam.pictures), logits=logits, **asked)


def _request(function: str, candidate: Candidate, payload: Path, **asked: Any) -> dict[str, Any]:
    """What `call_apart` and `started_apart` are given for a function of this module."""
    job = candidate.job
    arguments = {"backend": candidate.backend, "job": job.to_json(), "payload": str(payload), **asked}
    return {"target": f"cvp_core.compile.trial:{function}", "arguments": arguments, "threads": job.threads}


def _logits_of(payload: Path) -> Path:
    return payload.with_name(f"{payload.name}-logits.npy")


def compile_here(
    backend: str, job: dict[str, Any], payload: str, weights: str, calibration: str, folder: str
) -> dict[str, Any]:
    """Compiles in this process; returns the seconds that it took."""
    from ..registry import backend_of
    from ..targets import load_target
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
    logits: str,
    folder: str,
    seconds: float = 2.0,
    slowest: float | None = None,
    turns: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Loads as a later process will, times a batch, answers the first `count` pictures; imports torch if it must.

    turns: the folder and the count of `Turns`, by which it is then timed.
    """
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
    if turns is not None:
        timing = Turns(Path(turns["folder"]), turns["count"]).measure(lambda: run(batch))
        return {"timing": timing.to_json()}
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
