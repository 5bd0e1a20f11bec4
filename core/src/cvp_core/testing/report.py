"""The checks as a report: one outcome a model and check, whatever a model does."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .checks import CHECKS, CheckError, Subject

__all__ = ["Outcome", "run_checks"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """found and mend are "" for a check that passed."""

    model: str
    check: str
    seconds: float
    found: str = ""
    mend: str = ""

    @property
    def has_passed(self) -> bool:
        return not self.found


def run_checks(models: Iterable[str]) -> Iterator[Outcome]:
    """Every check on every model, in order, as they are done. A check that raises has failed."""
    for model in models:
        for check in CHECKS:
            began = time.perf_counter()
            found = mend = ""
            try:
                check.run(Subject.of(model))
            except CheckError as failure:
                found, mend = failure.found, failure.mend
            except Exception as error:  # noqa: BLE001 - a plugin may raise anything
                reason = " ".join(str(error).split())[:300]
                found, mend = f"{type(error).__name__}: {reason}", f"`cvp info {model} --layers` may show where"
            yield Outcome(model, check.name, time.perf_counter() - began, found, mend)
