"""The forward pass: every backend, precision and batch beside plain eager float32, the row `reference`."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..apart import call_apart
from ..compile.candidate import Candidate, candidates, find_backend
from ..compile.job import Job
from ..compile.manifest import WEIGHTS
from ..compile.sample import PICTURES, sample_pictures
from ..compile.timing import measure
from ..compile.trial import Exam, run_trial
from ..errors import CvpError, MachineError, UnknownNameError
from ..registry import backends
from ..subject import Subject
from ..work import WorkFolder
from .row import Row

__all__ = ["REFERENCE", "Prepared", "backend_names", "bench_forward", "prepare", "time_candidate", "time_reference"]

REFERENCE = "reference"


@dataclass(frozen=True)
class Prepared:
    """A model ready to be tried, with what its candidates are asked."""

    subject: Subject
    folder: Path
    exam: Exam
    gflop_per_image: float


def backend_names(wanted: str) -> list[str]:
    """The backends of a list such as "reference,openvino", or of "all". Raises UnknownNameError with near misses."""
    if wanted.strip() == "all":
        return [REFERENCE, *(backends().label(claim.spec.name, claim) for claim in backends())]
    names = list(dict.fromkeys(name.strip() for name in wanted.split(",") if name.strip()))
    for name in names:
        if name != REFERENCE:
            find_backend(name, also=[REFERENCE])
    if not names:
        raise UnknownNameError("no backend is named; `--backends all` measures every one")
    return names


def bench_forward(
    subject: Subject,
    names: Sequence[str],
    precision: str,
    batch_sizes: Sequence[int],
    *,
    device: str = "cpu",
    threads: int | None = None,
    seconds: float = 2.0,
    time_limit: float = 300.0,
    doing: Callable[[str], AbstractContextManager[Any]] = lambda what: nullcontext(),
) -> Iterable[Row]:
    """A row for each of the backends `names`, precision and batch size, as soon as it is measured.

    precision: one, or "auto" for float32 and what the machine is fast at. time_limit: seconds for compiling and for
    running each candidate. doing: is entered with a few words around what takes long. A candidate that is missing,
    crashes or hangs is a row with its reason. Raises MachineError if the model itself cannot be run.
    """
    with WorkFolder("cvp-bench-") as folder:
        with doing(f"{subject.label}: answers of eager float32"):
            model = prepare(subject, folder, max(batch_sizes), threads, time_limit)
        for batch_size in batch_sizes:
            job = Job(subject.input_size, batch_size=batch_size, device=device, threads=threads)
            for backend in names:
                for row, candidate in _rows(subject, backend, precision, job):
                    with doing(f"{subject.label}: {row.backend} {row.precision}, batch {batch_size}"):
                        if backend == REFERENCE:
                            yield time_reference(model, job, seconds, time_limit)
                        elif candidate is None:
                            yield row
                        else:
                            yield time_candidate(model, candidate, seconds, time_limit)


def _rows(subject: Subject, backend: str, precision: str, job: Job) -> list[tuple[Row, Candidate | None]]:
    """What to measure of a backend; one row with the reason where that is nothing."""
    row = _row(subject, backend, job)
    if backend == REFERENCE:
        return [(row, None)]
    try:
        found, _ = candidates(backend, precision, job)
    except CvpError as error:
        return [(replace(row, precision=precision, error=str(error)), None)]
    return [(replace(row, backend=candidate.name, precision=candidate.job.precision), candidate) for candidate in found]


def prepare(subject: Subject, folder: Path, most: int, threads: int | None, time_limit: float) -> Prepared:
    """Writes what trials read below `folder`, for batches of up to `most`. Raises MachineError if the model fails."""
    arguments = {"subject": subject.to_json(), "place": str(folder), "most": most, "threads": threads}
    answer = call_apart("cvp_core.bench.forward:prepare_here", arguments, time_limit=time_limit, threads=threads)
    if "error" in answer:
        raise MachineError(f"{subject.label} cannot be run: {answer['error']}")
    pictures = folder / "pictures.npy"
    return Prepared(
        subject,
        folder,
        Exam(folder / WEIGHTS, pictures, np.load(folder / "reference.npy"), calibration=pictures),
        gflop_per_image=answer["gflop_per_image"],
    )


def time_candidate(model: Prepared, candidate: Candidate, seconds: float, time_limit: float) -> Row:
    """One backend, compiled and timed in processes of its own."""
    trial = run_trial(
        candidate,
        Path(tempfile.mkdtemp(dir=model.folder, prefix="payload-")),
        model.exam,
        seconds=seconds,
        time_limit=time_limit,
    )
    row = _row(model.subject, candidate.name, candidate.job)
    if trial.timing is None:
        return replace(row, error=trial.fault)
    parity = {**trial.parity.to_json(), "fault": trial.fault} if trial.parity else None
    return row.filled(
        {
            "timing": trial.timing.to_json(),
            "compile_s": trial.compile_s + trial.load_s,
            "parity": parity,
            "gflop_per_image": model.gflop_per_image,
        }
    )


def time_reference(model: Prepared, job: Job, seconds: float, time_limit: float) -> Row:
    """Eager float32 as it is: no folding, no other layout."""
    arguments = {
        "weights": str(model.exam.weights),
        "pictures": str(model.exam.pictures),
        "job": job.to_json(),
        "seconds": seconds,
    }
    answer = call_apart("cvp_core.bench.forward:reference_here", arguments, time_limit=time_limit, threads=job.threads)
    return _row(model.subject, REFERENCE, job).filled({**answer, "gflop_per_image": model.gflop_per_image})


def _row(subject: Subject, backend: str, job: Job) -> Row:
    return Row(subject.label, backend, job.precision, job.device, job.batch_size or 1)


def prepare_here(subject: dict[str, Any], place: str, most: int, threads: int | None, folder: str) -> dict[str, Any]:
    """`prepare` in this process; returns what it has counted."""
    import torch

    from ..summary import count_macs
    from ..weights.format import save

    if threads is not None:
        torch.set_num_threads(threads)
    wanted = Subject.from_json(subject)
    model = wanted.build()
    classes = [str(index) for index in range(model.num_classes())]
    save(Path(place) / WEIGHTS, model, classes=classes)
    pictures = sample_pictures(wanted.input_size)
    with torch.inference_mode():
        logits = torch.cat([model(part) for part in torch.from_numpy(pictures).split(8)]).numpy()
    again = np.arange(max(most, PICTURES)) % PICTURES  # larger batches see the same pictures several times
    np.save(Path(place) / "pictures.npy", pictures[again])
    np.save(Path(place) / "reference.npy", logits[again])
    return {"gflop_per_image": 2 * count_macs(model, wanted.input_size) / 1e9}


def reference_here(weights: str, pictures: str, job: dict[str, Any], seconds: float, folder: str) -> dict[str, Any]:
    """`time_reference` in this process: NumPy in, NumPy out, as the backends are timed."""
    import torch

    from ..weights.format import load_model

    wanted = Job.from_json(job)
    if wanted.threads is not None:
        torch.set_num_threads(wanted.threads)
    model = load_model(Path(weights))[0].to(wanted.device)
    batch = np.ascontiguousarray(np.load(pictures, mmap_mode="c")[: wanted.batch_size])

    @torch.inference_mode()
    def run() -> np.ndarray:
        logits: np.ndarray = model(torch.from_numpy(batch).to(wanted.device)).cpu().numpy()
        return logits

    return {"timing": measure(run, seconds=seconds).to_json(), "compile_s": 0.0}
