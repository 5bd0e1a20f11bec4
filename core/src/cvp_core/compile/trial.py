"""One backend at one precision: compiled and run in child processes with a time limit, and what came of it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..apart import call_apart
from ..catalogue import Claim
from ..spec import BackendSpec
from .job import Job
from .parity import Parity, compare
from .timing import Timing

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Candidate", "Trial", "compile_here", "run_here", "run_trial"]


@dataclass(frozen=True)
class Candidate:
    """A backend and the job that it gets."""

    claim: Claim[BackendSpec]
    job: Job

    @property
    def backend(self) -> str:
        return f"{self.claim.plugin.distribution}/{self.claim.spec.name}"

    @property
    def label(self) -> str:
        return f"{self.claim.spec.name} {self.job.precision}"


@dataclass(frozen=True)
class Trial:
    """What came of a candidate. fault: why it is out; "" for one that passed. Seconds for compiling and loading."""

    candidate: Candidate
    payload: Path
    fault: str = ""
    compile_s: float = 0.0
    load_s: float = 0.0
    memory_mb: float = 0.0
    timing: Timing | None = None
    parity: Parity | None = None

    @property
    def images_per_s(self) -> float:
        return (self.candidate.job.batch_size or 1) / self.timing.p50 if self.timing else 0.0


def run_trial(
    candidate: Candidate,
    payload: Path,
    *,
    weights: Path,
    pictures: Path,
    reference: np.ndarray,
    seconds: float = 2.0,
    time_limit: float = 300.0,
) -> Trial:
    """Compiles to the empty folder `payload`, runs, compares with the `reference` logits.

    weights: of the model; they have to lie beside `payload`, as in an artifact. pictures: a .npy file (N, channels,
    height, width). time_limit: seconds for each of compiling and running. A crash or a hang is a fault like others.
    """
    payload.mkdir(exist_ok=True)
    job = candidate.job
    arguments = {"backend": candidate.backend, "job": job.to_json(), "payload": str(payload)}

    def apart(function: str, **more: Any) -> Mapping[str, Any]:
        target = f"cvp_core.compile.trial:{function}"
        return call_apart(target, {**arguments, **more}, time_limit=time_limit, threads=job.threads)

    compiled = apart("compile_here", weights=str(weights))
    if "error" in compiled:
        return Trial(candidate, payload, f"compiling: {compiled['error']}")
    logits = payload.with_name(f"{payload.name}-logits.npy")
    found = apart("run_here", pictures=str(pictures), seconds=seconds, logits=str(logits))
    if "error" in found:
        return Trial(candidate, payload, f"running: {found['error']}", compiled["seconds"])
    try:
        parity = compare(reference, np.load(logits))
    except ValueError as error:
        return Trial(candidate, payload, str(error), compiled["seconds"])
    return Trial(
        candidate,
        payload,
        parity.fault(job.precision),
        compile_s=compiled["seconds"],
        load_s=found["seconds"],
        memory_mb=found["memory_mb"],
        timing=Timing(**found["timing"]),
        parity=parity,
    )


def compile_here(backend: str, job: dict[str, Any], payload: str, weights: str, folder: str) -> dict[str, Any]:
    """Compiles in this process; returns the seconds that it took."""
    from ..plugins import load_target
    from ..registry import backends
    from ..weights.format import load_model

    claim = backends().get(backend)
    began = time.perf_counter()
    model, _ = load_model(Path(weights))
    load_target(claim.spec.compiler, claim.plugin.label)(model, Job.from_json(job), Path(payload))
    return {"seconds": time.perf_counter() - began}


def run_here(
    backend: str, job: dict[str, Any], payload: str, pictures: str, seconds: float, logits: str, folder: str
) -> dict[str, Any]:
    """Loads as a later process will, times a batch, answers the pictures; imports torch only if the backend does."""
    from ..registry import backends
    from .artifact import load_payload
    from .timing import measure

    asked = Job.from_json(job)
    began = time.perf_counter()
    run = load_payload(backends().get(backend), Path(payload), asked)
    images = np.load(pictures)
    count = asked.batch_size or 1
    batch = np.ascontiguousarray(images[np.arange(count) % len(images)])
    run(batch)
    loaded = time.perf_counter() - began
    timing = measure(lambda: run(batch), seconds=seconds)
    sizes = [1, 4, 5] if asked.batch_size is None else []  # every count has to work
    answers, start = [], 0
    while start < len(images):
        size = sizes.pop() if sizes else 16
        answers.append(run(np.ascontiguousarray(images[start : start + size])))
        start += size
    np.save(logits, np.concatenate(answers))
    return {"seconds": loaded, "timing": timing.to_json(), "memory_mb": _peak_memory_mb()}


def _peak_memory_mb() -> float:
    """Of this process, as Linux counts it since its program began (getrusage counts the parent in); 0 elsewhere."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) * 1024 / 1e6 if found else 0.0
