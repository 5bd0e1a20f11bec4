"""The fastest candidate that gives the right answers: one trial after the other, then a run-off in turns."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import MachineError
from .candidate import Candidate
from .trial import Exam, Trial, run_in_turns, run_trial

__all__ = ["best", "run_off", "run_trials", "slowest"]

_HOPELESS, _WORTH_ITS_TIME_S = 5, 1.0
_NEAR, _IN_RUN_OFF = 2.0, 3


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


def best(trials: Sequence[Trial]) -> Trial:
    """The fastest that passes. Raises MachineError with every candidate's fault where none does."""
    passed = [trial for trial in trials if not trial.fault]
    if not passed:
        faults = "; ".join(f"{trial.candidate.label}: {trial.fault}" for trial in trials)
        raise MachineError(f"no backend gave the right answers. {faults}")
    return max(passed, key=lambda trial: (trial.is_final, trial.images_per_s))


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
