"""The program around the commands: help, version, mistakes, pipes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from fake_plugins import cvp

from cvp_cli import main as program
from cvp_cli.main import COMMANDS

WATCH = """
import sys
from cvp_cli.main import main
for line in sys.argv[1:]:
    code = main(line.split())
    assert code == 0, (line, code)
    heavy = {"torch", "torchvision", "lightning_fabric", "matplotlib", "timm"} & set(sys.modules)
    assert not heavy, (line, heavy)
"""


def test_what_only_lists_imports_nothing_heavy() -> None:
    lines = (
        "--version",
        "--help",
        "list-models",
        "list-models dense* --json --sort params",
        "info densenet",
        "info densenet --json",
        "plugins list",
        "doctor densenet",
        "data list",
        "weights list",
        "weights list --here",
        *(f"{command} --help" for command in COMMANDS),
    )
    done = subprocess.run([sys.executable, "-c", WATCH, *lines], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_arguments_it_shows_its_help() -> None:
    done = cvp()
    assert done.returncode == 0
    assert all(command in done.stdout for command in COMMANDS)
    assert "cannot be loaded" not in done.stdout


@pytest.mark.parametrize(
    "line, error",
    [
        ("trian", "Error: No command 'trian'. Did you mean 'train'? See `cvp --help`."),
        (
            "list-models --srot name",
            "Error: No such option '--srot'. (Did you mean one of: '--json', '--sort'?)",
        ),
        ("--verzion", "Error: No such option '--verzion'. Did you mean '--version'? See `cvp --help`."),
        ("list-models --sort size", "Error: Invalid value for '--sort': 'size' is not one of"),
        (
            "list-models --max-params 5Q",
            "Error: Invalid value for '--max-params': '5Q' is not a count such as",
        ),
        ("info", "Error: Missing argument 'MODEL'. See `cvp info --help`."),
        (
            "info densenet --image-size 0",
            "Error: Invalid value for '--image-size': '0' is not a size in pixels",
        ),
        ("doctor nothing-like-it", "Error: no plugin 'nothing-like-it' is installed."),
    ],
)
def test_mistake_is_one_line_and_exit_code_2(line: str, error: str) -> None:
    done = cvp(*line.split())
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith(error)
    assert done.stderr.count("\n") == 1


def test_closed_pipe_is_quiet() -> None:
    done = subprocess.run(
        f"{sys.executable} -m cvp_cli list-models | head -c 1",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""


def test_output_that_the_terminal_cannot_encode_is_no_error() -> None:
    assert cvp("list-models", PYTHONIOENCODING="ascii").returncode == 0


def test_sigterm_unwinds_what_is_under_way_and_exits_143(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    unwound = []

    def long(*args: object, **more: object) -> int:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(30)
        finally:
            unwound.append(True)
        return 0

    monkeypatch.setattr(program.cli, "main", long)
    before = signal.getsignal(signal.SIGTERM)
    assert program.main(["list-models"]) == 143
    assert unwound
    assert capsys.readouterr().err == "Terminated\n"
    assert signal.getsignal(signal.SIGTERM) == before
