"""What can be tried for a job: the backends that are installed, in the precisions and modes that they have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..catalogue import Claim
from ..errors import ConfigError, NotInstalledError
from ..machine import cpu_features
from ..registry import backends
from ..spec import BackendSpec
from .artifact import missing_modules, missing_to_compile
from .job import Job
from .parity import LOSSY

__all__ = ["Candidate", "candidates", "find_backend"]


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
        spec, mode = self.claim.spec, self.job.mode
        name = backends().label(spec.name, self.claim)
        return f"{name}:{mode}" if mode and mode != spec.modes[0] else name

    @property
    def label(self) -> str:
        return f"{self.name} {self.job.precision}"


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
