"""A function in a process of its own: whatever it does, the caller goes on and nothing of it stays.

`python -m cvp_core.apart FOLDER PID` is the other side of `call_apart`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .errors import CvpError
from .targets import load_target
from .work import WorkFolder, sweep

__all__ = ["call_apart", "started_apart"]


def call_apart(
    target: str, arguments: Mapping[str, Any], *, time_limit: float, threads: int | None = None
) -> dict[str, Any]:
    """What the function `target`, "package.module:function", answers to `arguments` and `folder=PATH`.

    arguments and the answer, a dictionary, are what JSON can hold. folder: empty, and gone afterwards.
    time_limit: seconds, after which the process and all that it started are killed. threads: for OpenMP.
    Raises nothing for what happens inside: the answer is then {"error": one line that says why}, with "is_late" for
    a time limit that was reached.
    """
    with started_apart(target, arguments, threads=threads) as answer:
        return answer(time_limit)


@contextlib.contextmanager
def started_apart(
    target: str, arguments: Mapping[str, Any], *, threads: int | None = None
) -> Iterator[Callable[[float], dict[str, Any]]]:
    """As `call_apart`, for several at a time: what waits, for so many seconds, for the answer. Killed at the end."""
    sweep("cvp-*")
    with WorkFolder("cvp-") as place:
        (place / "files").mkdir()
        (place / "request.json").write_text(json.dumps({"target": target, "arguments": dict(arguments)}))
        with (place / "log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-P", "-m", "cvp_core.apart", str(place), str(os.getpid())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(threads),
                start_new_session=True,
            )

        def answer(time_limit: float) -> dict[str, Any]:
            try:
                code = process.wait(time_limit)
            except subprocess.TimeoutExpired:
                return {"error": f"gave no answer within {time_limit:g} s", "is_late": True}
            try:
                found = json.loads((place / "answer.json").read_text())
            except (OSError, ValueError):
                return {"error": _end(code, place / "log")}
            return found if isinstance(found, dict) else {"error": "answered nothing"}

        try:
            yield answer
        finally:
            _kill(process)


def _environment(threads: int | None) -> dict[str, str]:
    """Ours, with the same sys.path, so that it finds the same plugins."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    if threads is not None:
        environment["OMP_NUM_THREADS"] = str(threads)
    return environment


def _kill(process: subprocess.Popen[bytes]) -> None:
    """The process and all that it started: compilers have helpers."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _end(code: int, log: Path) -> str:
    """How a process ended that left no answer."""
    lines = log.read_text(errors="replace").strip().splitlines()
    last = f": {lines[-1].strip()[:200]}" if lines else ""
    if code >= 0:
        return f"its process ended with code {code}{last}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    hint = "; out of memory?" if name == "SIGKILL" else ""
    return f"its process crashed ({name}{hint}){last}"


def _end_with(caller: int) -> None:
    """Linux: a caller that is killed cannot end us, and who compiles for nobody would go on for minutes."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != caller:  # it was killed before
            os._exit(1)


def _main(place: Path, caller: int) -> None:
    _end_with(caller)
    request = json.loads((place / "request.json").read_text())
    try:
        function = load_target(request["target"], "cvp-core")
        answer = function(**request["arguments"], folder=str(place / "files"))
    except Exception as error:  # noqa: BLE001 - a backend may raise whatever it likes
        text = " ".join(str(error).split())
        kind = "" if isinstance(error, CvpError) else f"{type(error).__name__}: "
        answer = {"error": f"{kind}{text}"[:300] if text else type(error).__name__}
    unfinished = place / "answer.part"
    unfinished.write_text(json.dumps(answer))
    unfinished.replace(place / "answer.json")


if __name__ == "__main__":
    _main(Path(sys.argv[1]), int(sys.argv[2]))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # a library that crashes or waits while the interpreter ends has given its answer
