"""What a killed process leaves is cleared away by the next one, and nothing that somebody works in."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cvp_core.apart import call_apart
from cvp_core.compile import Trial, is_artifact
from cvp_core.work import WorkFolder, sweep

# Works in a folder until it is killed, with files in it.
WORKING = """
import sys
from pathlib import Path
from cvp_core.work import WorkFolder
with WorkFolder("cvp-test-", Path(sys.argv[1])) as folder:
    (folder / "deep").mkdir()
    (folder / "deep" / "file").write_text("half")
    print(folder, flush=True)
    sys.stdin.read()
"""
# `cvp compile` with a backend that says where it works and then hangs.
COMPILING = """
import sys
from pathlib import Path
import cvp_core
from cvp_core.compile import Job, candidates, compile_model
from cvp_core.weights.format import make_header
model = cvp_core.create_model("linear").eval()
header = make_header(model, [str(index) for index in range(10)])
trying = candidates("telling", "float32", Job(header.input_size))[0]
compile_model(model, header, Path(sys.argv[1]), trying)
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WORKING, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def place_of(worker: subprocess.Popen[str]) -> Path:
    assert worker.stdout is not None
    return Path(worker.stdout.readline().strip())


def test_a_folder_is_empty_at_first_and_gone_in_the_end(tmp_path: Path) -> None:
    with WorkFolder("cvp-test-", tmp_path) as folder:
        (folder / "file").touch()
        assert folder.parent == tmp_path
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_works_in_stays(
    worker: subprocess.Popen[str], tmp_path: Path
) -> None:
    place = place_of(worker)
    sweep("cvp-*", tmp_path)
    assert (place / "deep" / "file").exists()
    worker.kill()
    assert worker.wait() == -signal.SIGKILL
    assert (place / "deep" / "file").exists()
    sweep("cvp-*", tmp_path)
    assert not list(tmp_path.iterdir())


def test_folders_of_that_name_without_a_lock_are_somebody_elses(tmp_path: Path) -> None:
    (tmp_path / "cvp-projects").mkdir()
    (tmp_path / "cvp-projects" / "thesis.txt").touch()
    sweep("cvp-*", tmp_path)
    assert (tmp_path / "cvp-projects" / "thesis.txt").exists()


def test_a_sweep_that_comes_before_the_lock_is_taken_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def make(**where: object) -> str:
        """The first folder is gone as soon as it is locked."""
        folder = tmp_path / f"cvp-{len(made)}"
        folder.mkdir()
        made.append(folder)
        return str(folder)

    taken: list[int] = []

    def take(descriptor: int, *, waits: bool) -> bool:
        taken.append(descriptor)
        if len(taken) == 1:
            (made[0] / ".cvp-lock").unlink()
            made[0].rmdir()
        return True

    monkeypatch.setattr(tempfile, "mkdtemp", make)
    monkeypatch.setattr("cvp_core.work.take_lock", take)
    with WorkFolder("cvp-", tmp_path) as folder:
        assert folder == made[1]
        assert folder.is_dir()


def test_the_next_compilation_clears_away_what_a_killed_one_left(
    home: Path, compile_linear: Callable[..., list[Trial]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch, target = tmp_path / "scratch", tmp_path / "store" / "linear.cvp"
    scratch.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(100)
        port = str(server.getsockname()[1])
        environment = {**os.environ, "TMPDIR": str(scratch), "CVP_TEST_PORT": port}
        process = subprocess.Popen([sys.executable, "-c", COMPILING, str(target)], env=environment)
        with server.accept()[0] as backend:  # it is at work
            helper = int(backend.recv(20))
    process.kill()
    process.wait()
    with suppress(ProcessLookupError):  # it ends with the one that waits for it
        os.kill(helper, signal.SIGKILL)
    assert [path.name.startswith(".linear.cvp-") for path in target.parent.iterdir()] == [True]
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    compile_linear(target, "right")
    assert [path.name for path in target.parent.iterdir()] == ["linear.cvp"]
    call_apart("platform:node", {}, time_limit=100)  # as a trial that has a process of its own
    assert not list(scratch.iterdir())


def test_an_artifact_that_was_on_its_way_out_is_put_back(
    compile_linear: Callable[..., list[Trial]], compiled: Callable[..., Path]
) -> None:
    artifact = compiled("right")
    left = artifact.with_name(f".{artifact.name}-abcdefgh")
    left.mkdir()
    (left / ".cvp-lock").touch()
    artifact.rename(left / "replaced")  # here the process was killed
    compile_linear(artifact.with_name("other.cvp"), "right")
    assert is_artifact(artifact)
    assert sorted(path.name for path in artifact.parent.iterdir()) == ["linear.cvp", "other.cvp"]
