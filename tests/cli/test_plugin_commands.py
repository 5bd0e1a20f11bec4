"""Commands that plugins bring stand beside ours, and never in their place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from fake_plugins import cvp, install

SOURCE = """
import click
from cvp_core import hookimpl
CVP_API = 1

@hookimpl
def cvp_commands():
    return [COMMANDS]

def say(name):
    @click.command(name)
    @click.option("--fault", default="")
    def command(fault):
        '''Say who I am.'''
        if fault == "interrupt":
            raise KeyboardInterrupt
        if fault:
            raise ValueError(fault)
        click.echo(__name__)
    return command
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    for distribution, commands in {
        "cvp-left": "say('hello'), say('shared')",
        "cvp-right": "say('shared'), say('info')",
        "cvp-wrong": "'a string'",
    }.items():
        install(folder, distribution, SOURCE.replace("COMMANDS", commands))
    return folder


def test_help_lists_them_under_their_own_heading(site: Path) -> None:
    done = cvp("--help", path=site)
    assert done.returncode == 0
    ours, theirs = done.stdout.split("Commands of plugins:")
    assert "list-models" in ours
    assert [line.split()[0] for line in theirs.splitlines() if line.strip()] == [
        "cvp-left/shared",
        "cvp-right/info",
        "cvp-right/shared",
        "hello",
    ]


@pytest.mark.parametrize(
    "name, module",
    [("hello", "cvp_left"), ("cvp-left/hello", "cvp_left"), ("cvp-right/shared", "cvp_right")],
)
def test_it_runs_by_its_own_and_by_its_qualified_name(name: str, module: str, site: Path) -> None:
    assert cvp(name, path=site).stdout == f"{module}\n"


def test_a_name_that_two_claim_is_an_error_that_says_what_to_write(site: Path) -> None:
    done = cvp("shared", path=site)
    assert done.returncode == 2
    assert "Command 'shared' is claimed by" in done.stderr
    assert "'cvp-left/shared' or 'cvp-right/shared'" in done.stderr


def test_ours_is_never_replaced(site: Path) -> None:
    assert json.loads(cvp("info", "densenet", "--json", path=site).stdout)["name"] == "densenet121"


def test_plugins_list_reports_what_is_left_out(site: Path) -> None:
    listed = json.loads(cvp("plugins", "list", "--json", path=site).stdout)
    states = {entry["distribution"]: (entry["state"], entry["error"]) for entry in listed}
    assert states["cvp-wrong"] == ("broken", "cvp_commands returned 'a string', expected Command objects")
    assert states["cvp-left"][0] == "ambiguous"
    assert "command 'info' is claimed by cvp itself and cvp-right 2.1" in states["cvp-right"][1]


def test_strict_fails_for_a_command_that_is_left_out(site: Path) -> None:
    done = cvp("list-models", path=site, CVP_STRICT="1")
    assert done.returncode == 1
    assert "command 'shared' is claimed by cvp-left 2.1 and cvp-right 2.1" in done.stderr


def test_unexpected_error_is_one_line_and_debug_shows_its_traceback(site: Path) -> None:
    done = cvp("hello", "--fault", "no such luck", path=site)
    assert done.returncode == 1
    assert done.stderr == "Error: ValueError: no such luck (unexpected; --debug shows the traceback)\n"
    for args in (("--debug", "hello", "--fault", "x"), ("hello", "--fault", "x", "--debug")):
        assert "Traceback (most recent call last)" in cvp(*args, path=site).stderr


def test_interrupt_exits_with_130(site: Path) -> None:
    done = cvp("hello", "--fault", "interrupt", path=site)
    assert done.returncode == 130
    assert done.stderr.strip() == "Interrupted"
