"""`auto` keeps the fastest backend that is right, whatever the others do."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import cvp_core
from cvp_core.apart import call_apart, started_apart
from cvp_core.compile import Job, Sample, Trial, auto, candidates, read_manifest
from cvp_core.compile.timing import Timing
from cvp_core.errors import ConfigError, MachineError, NotInstalledError

Compile = Callable[..., list[Trial]]

TURNS = """
import sys, time
from pathlib import Path
from cvp_core.compile.timing import Turns
def call():
    begin = time.monotonic()
    time.sleep(0.01)
    print(f"{begin}-{time.monotonic()}")
Turns(Path(sys.argv[1]) / "turns", 3, rounds=2, seconds=0.05).measure(call)
"""

pytestmark = pytest.mark.usefixtures("home")


def apart(target: str, arguments: Mapping[str, Any], *, time_limit: float, threads: int | None) -> dict[str, Any]:
    """In a process of its own. Whatever hangs is not waited for as long as the others, which may be slow to start."""
    is_hanging = arguments["backend"] == "cvp-fakes/hanging" and arguments["job"]["mode"] == "patient"
    return call_apart(target, arguments, time_limit=6 if is_hanging else time_limit, threads=threads)


def test_wrong_crashing_hanging_and_failing_backends_are_survived(
    compile_linear: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cvp_core.compile.trial.call_apart", apart)
    trials = compile_linear(tmp_path / "l.cvp", "wrong", "crashing", "failing", "hanging", "slow", "right")
    faults = {trial.candidate.name: trial.fault for trial in trials}
    assert "logits differ" in faults["wrong"]
    assert "SIGSEGV" in faults["crashing"]
    assert "gave no answer within 6 s" in faults["hanging"]
    assert "no such operation" in faults["failing"]
    assert faults["right"] == faults["slow"] == ""
    assert faults["hanging:hasty"] == ""  # its mode for networks that take too long to compile
    assert read_manifest(tmp_path / "l.cvp").backend == "cvp-fakes/right"


def test_what_has_no_prospect_is_not_measured_to_its_end(
    compile_linear: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits: list[float | None] = []
    real = auto.slowest

    def slowest(trials: list[Trial]) -> float | None:
        limits.append(real(trials))
        return 1e-9 if trials else None

    with monkeypatch.context() as patch:
        patch.setattr("cvp_core.compile.auto.slowest", slowest)
        right, slow = compile_linear(tmp_path / "l.cvp", "right", "slow")
    assert right.timing is not None
    assert limits == [None, max(1.0, 5 * right.timing.p50)]
    assert (right.fault, slow.timing) == ("", None)
    assert "s a batch, above 1e-09 s not worth the rest of the trial" in slow.fault


def test_further_modes_are_tried_in_the_fastest_precision_alone(
    compile_linear: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cvp_core.compile.candidate.cpu_features", lambda: {"avx512_bf16"})
    trials = compile_linear(tmp_path / "l.cvp", "varied", precision="auto")
    tried = [trial.candidate.label for trial in trials]
    assert tried == ["varied float32", "varied bfloat16", "varied:second bfloat16"]


def test_int8_is_judged_by_its_accuracy_on_labelled_pictures(compile_linear: Compile, tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).normal(size=(70, 1, 28, 28)).astype(np.float32)
    torch.manual_seed(0)
    with torch.inference_mode():
        answers = cvp_core.create_model("linear").eval()(torch.from_numpy(pictures)).argmax(1).numpy()
    answers[:7] = (answers[:7] + 1) % 10  # the model is right about 63 of 70
    sample = Sample(pictures, pictures[:7], answers)
    trials = compile_linear(tmp_path / "l.cvp", "coarse", "fine", precision="int8", sample=sample, max_drop=0.5)
    coarse, fine = trials
    assert "points of accuracy on 70 pictures; 0.5 are allowed" in coarse.fault
    assert fine.fault == ""
    assert fine.accuracy is not None
    assert (fine.accuracy.plain, fine.accuracy.top1, fine.accuracy.drop) == (pytest.approx(0.9), pytest.approx(0.9), 0)
    assert read_manifest(tmp_path / "l.cvp").parity["accuracy"]["pictures"] == 70


def test_int8_needs_a_budget_and_auto_leaves_it_out_without_one() -> None:
    job = Job((1, 28, 28))
    with pytest.raises(ConfigError, match="--max-drop"):
        candidates("fine", "int8", job)
    assert "int8" not in {candidate.job.precision for candidate in candidates("auto", "auto", job)[0]}
    found, left_out = candidates("auto", "auto", job, may_be_lossy=True)
    assert "fine int8" in {candidate.label for candidate in found}
    assert "quantising needs nosuchmodule for int8: pip install 'cvp-such[int8]'" in left_out
    with pytest.raises(NotInstalledError, match="nosuchmodule for int8"):
        candidates("quantising", "int8", job, may_be_lossy=True)


def test_a_mode_is_asked_for_by_name() -> None:
    found, _ = candidates("hanging:hasty", "float32", Job((1, 28, 28)))
    assert [candidate.label for candidate in found] == ["hanging:hasty float32"]
    with pytest.raises(ConfigError, match="hanging has no mode 'cross'; it has patient, hasty"):
        candidates("hanging:cross", "float32", Job((1, 28, 28)))
    with pytest.raises(ConfigError, match="it has none"):
        candidates("right:cross", "float32", Job((1, 28, 28)))


def test_nothing_is_written_where_no_backend_is_right(compile_linear: Compile, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="wrong float32: its logits differ"):
        compile_linear(tmp_path / "linear.cvp", "wrong")
    assert not list(tmp_path.iterdir())


def test_a_missing_library_is_named_with_its_pip_command() -> None:
    with pytest.raises(NotInstalledError, match=r"lacking needs nosuchmodule: pip install"):
        candidates("lacking", "float32", Job((3, 32, 32)))


def test_a_precision_or_device_that_a_backend_lacks_is_refused() -> None:
    with pytest.raises(ConfigError, match="does not compute in int8"):
        candidates("right", "int8", Job((3, 32, 32)), may_be_lossy=True)
    with pytest.raises(ConfigError, match="does not run on cuda"):
        candidates("right", "float32", Job((3, 32, 32), device="cuda"))


def timed(backend: str, rate: float, fault: str = "") -> Trial:
    (candidate,) = candidates(backend, "float32", Job((1, 28, 28), batch_size=1, mode=""))[0][:1]
    return Trial(candidate, Path(backend), fault, timing=Timing(1 / rate, 1 / rate, 0.0, 9))


def test_the_fastest_are_timed_again_and_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    told: list[float] = []

    def again(trials: Sequence[Trial], exam: Any, *, time_limit: float) -> list[Trial]:
        asked.extend(trial.candidate.name for trial in trials)
        rates = {"right": 55, "slow": 70}
        timings = [Timing(1 / rates[trial.candidate.name], 1.0, 0.0, 9) for trial in trials]
        return [replace(trial, timing=found, is_final=True) for trial, found in zip(trials, timings, strict=True)]

    monkeypatch.setattr(auto, "run_in_turns", again)
    monkeypatch.setattr(auto, "_IN_RUN_OFF", 2)
    trials = [timed("failing", 59), timed("slow", 60), timed("right", 100), timed("wrong", 300, "its logits differ")]
    found = auto.run_off(trials, None, tell=lambda trial: told.append(round(trial.images_per_s)))
    assert asked == ["right", "slow"]  # the first has no part in it, the last is wrong
    assert told == [55, 70]
    assert [trial.candidate.name for trial in found] == ["failing", "slow", "right", "wrong"]
    assert auto.best(found).candidate.name == "slow"
    assert auto.best([found[0], found[2]]).candidate.name == "right"  # by what was timed together
    asked.clear()
    assert auto.run_off(trials[1:2] + trials[3:], None) == trials[1:2] + trials[3:]
    assert auto.run_off([timed("failing", 1), timed("right", 100)], None)[0].is_final is False  # too far behind
    assert asked == []


def test_processes_in_a_run_off_go_on_in_turns(
    compile_linear: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auto, "_NEAR", 1e9)
    trials = compile_linear(tmp_path / "l.cvp", "right", "slow")
    assert [trial.is_final for trial in trials] == [True, True]
    assert trials[0].images_per_s > 5 * trials[1].images_per_s
    assert all(trial.timing is not None and trial.timing.calls >= 12 for trial in trials)


def test_turns_never_overlap(tmp_path: Path) -> None:
    (tmp_path / "turns").mkdir()
    command = [sys.executable, "-c", TURNS, str(tmp_path)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    spans = []
    for number, process in enumerate(running):
        lines = process.communicate(timeout=60)[0].split()
        spans += [(*map(float, line.split("-")), number) for line in lines]
    spans.sort()
    assert len(spans) >= 3 * 2 * 3
    turns = [number for _, _, number in spans]
    for (_, end, one), (begin, _, other) in pairwise(spans):
        assert one == other or begin >= end
    changes = sum(one != other for one, other in pairwise(turns))
    assert changes >= 4  # two rounds of three, not one after the other


def test_one_that_fails_in_the_run_off_is_not_kept(
    compile_linear: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0

    def flaky(target: str, arguments: Mapping[str, Any], **limits: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            arguments = {**arguments, "payload": "/no/such/folder"}
        return started_apart(target, arguments, **limits)

    monkeypatch.setattr("cvp_core.compile.trial.started_apart", flaky)
    monkeypatch.setattr(auto, "_NEAR", 1e9)
    trials = compile_linear(tmp_path / "l.cvp", "right", "slow")
    (failed,) = (trial for trial in trials if trial.fault)
    assert failed.fault.startswith("running again: FileNotFoundError")
    (kept,) = (trial for trial in trials if not trial.fault)
    assert kept.is_final
    assert read_manifest(tmp_path / "l.cvp").timing == kept.timing.to_json()  # type: ignore[union-attr]
