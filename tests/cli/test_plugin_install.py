"""Plugins come and go by `cvp plugins`, by a real pip in a new environment, without a network; torch stays."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from environments import Environment, write_wheel
from fake_plugins import family

from cvp_cli.installed import full_name, requirement_of
from cvp_cli.installer import pins
from cvp_cli.main import main
from cvp_cli.pip_faults import explain
from cvp_core.errors import MachineError, UserError

FOO = family("foo_a", "foo_b", family="foo", default="foo_a")


class Place:
    """An environment, and a folder of wheels that is all its pip knows."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        self.environment = Environment(folder)
        self.wheels = wheels

    def plugins(self, *arguments: str, has_wheels: bool = True) -> CompletedProcess[str]:
        options = ["--", "--no-index", "--find-links", str(self.wheels)] if has_wheels else []
        return subprocess.run(
            [str(self.environment.python), "-m", "cvp_cli", "plugins", *arguments, *options],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=self.environment.variables,
            cwd=self.wheels,
        )

    def frozen(self) -> list[dict[str, str]]:
        """The plugins that are not inherited from the developer's environment."""
        rows = json.loads(self.plugins("freeze", "--json", has_wheels=False).stdout)
        return [row for row in rows if "-e file:" not in row["requirement"]]

    def models(self, pattern: str) -> list[str]:
        listed = self.environment.cvp("list-models", pattern, "--json")
        return [row["name"] for row in json.loads(listed)]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "1.1"):
        write_wheel(folder, "cvp-foo", version, FOO)
    write_wheel(folder, "cvp-greedy", "1.0", "", requires=["torch==2.0", "cvp-core"])
    write_wheel(folder, "cvp-later", "1.0", "", requires=["cvp-core>=9"])
    write_wheel(folder, "cvp-broken", "1.0", "import no_such_module_of_ours")
    write_wheel(folder, "plain", "1.0", "", is_plugin=False)
    write_wheel(folder, "torch", "2.0", "", is_plugin=False)
    write_wheel(folder / "by-path", "cvp-bar", "2.0", family("bar_a", family="bar", default="bar_a"))
    return folder


@pytest.fixture(scope="module")
def place(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("first"), wheels)


@pytest.mark.slow
def test_install_and_uninstall_beside_a_broken_plugin(place: Place) -> None:
    broken = place.plugins("install", "cvp-broken", "plain")
    assert broken.returncode == 1
    assert broken.stderr.splitlines()[-1] == (
        "Error: plain 1.0 is installed but no cvp plugin: it declares no entry point in the group 'cvp' "
        "(to remove it: pip uninstall plain); "
        "cvp-broken 1.0 is installed but broken: ModuleNotFoundError: No module named 'no_such_module_of_ours' "
        "(`cvp doctor cvp-broken` shows the traceback, `cvp plugins uninstall cvp-broken` removes it)"
    )
    done = place.plugins("install", "cvp-foo==1.0")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "installed  cvp-foo 1.0  2 models: foo_a, foo_b\nnext  cvp info foo_a\n"
    assert place.models("foo*") == ["foo_a", "foo_b"]
    planned = place.plugins("install", "--upgrade", "--dry-run", "cvp-foo")
    assert planned.stdout == "would install  cvp-foo 1.1\n"
    removed = place.plugins("uninstall", "foo", "broken", "--yes", has_wheels=False)
    assert (removed.returncode, removed.stdout) == (0, "removed  cvp-foo 1.0 and cvp-broken 1.0\n")
    assert place.models("foo*") == []


@pytest.mark.parametrize(
    "name, wish", [("cvp-greedy", "torch==2.0, but torch"), ("cvp-later", "cvp-core>=9, but cvp-core")]
)
def test_a_plugin_that_wants_another_torch_or_cvp_is_refused(name: str, wish: str, place: Place) -> None:
    before = place.frozen(), pins()
    done = place.plugins("install", name, "cvp-foo")
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.lower().startswith("error")]
    assert len(errors) == 1
    assert errors[0].startswith(f"Error: {name} 1.0 wants {wish} {pins()[wish.split()[-1]]} is installed and stays")
    assert (place.frozen(), pins()) == before


@pytest.mark.slow
def test_a_second_environment_is_synced_from_the_first(place: Place, wheels: Path, tmp_path: Path) -> None:
    bar = wheels / "by-path" / "cvp_bar-2.0-py3-none-any.whl"
    assert place.plugins("install", "cvp-foo==1.0", str(bar)).returncode == 0
    listed = tmp_path / "plugins.txt"
    assert place.plugins("freeze", "-o", str(listed), has_wheels=False).returncode == 0
    assert "cvp-foo==1.0" in listed.read_text().splitlines()

    second = Place(tmp_path / "venv", wheels)
    assert second.frozen() == []
    planned = second.plugins("sync", str(listed), "--dry-run").stdout
    assert "install  cvp-foo==1.0  (not installed)" in planned
    assert second.frozen() == []
    done = second.plugins("sync", str(listed))
    assert done.returncode == 0, done.stderr
    assert second.frozen() == place.frozen() != []
    again = second.plugins("sync", str(listed), has_wheels=False)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith("nothing to do: ")

    lines = listed.read_text().replace("cvp-foo==1.0", "cvp-foo==1.1").splitlines()
    listed.write_text("\n".join(line for line in lines if "cvp-bar" not in line))
    assert second.plugins("sync", str(listed), "--prune").returncode == 0
    assert [row["requirement"] for row in second.frozen()] == ["cvp-foo==1.1"]


def test_interrupt_says_what_has_changed(place: Place) -> None:
    """pip waits for an index that never answers."""
    with socket.create_server(("127.0.0.1", 0)) as index:
        address = f"http://127.0.0.1:{index.getsockname()[1]}/"
        command = ["-m", "cvp_cli", "plugins", "install", "cvp-slow", "--", "--index-url", address]
        process = subprocess.Popen(
            [str(place.environment.python), *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            # whoever runs the tests in the background may ignore it, which is inherited
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
            env=place.environment.variables,
        )
        connection, _ = index.accept()
        with connection:
            os.killpg(process.pid, signal.SIGINT)
            _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.splitlines()[-1] == ("Interrupted while pip ran: no plugin has changed. Run it again to complete it.")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["uninstall", "cvp-core", "--yes"], "cvp-core is cvp itself"),
        (["uninstall", "numpy", "--yes"], "numpy is no cvp plugin"),
        (["uninstall", "cvp-densnet", "--yes"], "Did you mean 'cvp-densenet'?"),
        (["uninstall", "densenet"], "would be removed; there is no terminal to ask at, so give --yes"),
        (["install", "torch"], "torch is no plugin"),
        (["install", "cvp-core==9"], "cvp-core is no plugin"),
        (["install"], "name a plugin to install"),
        (["install", "cvp-foo", "--", "--target", "x"], "pip's --target cannot be given here"),
    ],
)
def test_it_is_refused_before_pip_runs(
    arguments: list[str], message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cvp_cli.installer.subprocess.Popen", None)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["plugins", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_without_pip_the_next_step_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("cvp_cli.installer.find_spec", lambda name: None)
    assert main(["plugins", "install", "cvp-foo"]) == 1
    assert "has no pip. To add it: " in capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["cvp-foo = 1", "-r other.txt", "./folder"], ids=["spelling", "another file", "nameless"]
)
def test_a_line_that_sync_cannot_read_is_named(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = tmp_path / "plugins.txt"
    listed.write_text(f"# ours\n{line}\n")
    assert main(["plugins", "sync", str(listed)]) == 2
    assert f"plugins.txt, line 2: '{line}' is " in capsys.readouterr().err


@pytest.mark.parametrize(
    "origin, requirement",
    [
        (None, "cvp-a==1"),
        ("damaged", "cvp-a==1"),
        ({"url": "file:///a", "dir_info": {"editable": True}}, "-e file:///a"),
        ({"url": "file:///a", "dir_info": {}}, "cvp-a @ file:///a"),
        (
            {"url": "https://b/a", "vcs_info": {"vcs": "git", "commit_id": "f00"}, "subdirectory": "p"},
            "cvp-a @ git+https://b/a@f00#subdirectory=p",
        ),
        ({"url": "https://b/a.whl", "archive_info": {"hash": "sha256=1"}}, "cvp-a @ https://b/a.whl#sha256=1"),
        ({"url": "https://b/a.whl", "archive_info": {"hashes": {"sha256": "1"}}}, "cvp-a @ https://b/a.whl#sha256=1"),
    ],
)
def test_requirement_of_each_kind_of_origin(origin: object, requirement: str) -> None:
    text = origin if origin is None or isinstance(origin, str) else json.dumps(origin)
    assert requirement_of("cvp-a", "1", text) == requirement


def test_a_pin_holds_a_local_version() -> None:
    output = ["ERROR: x", "    cvp-a 1 depends on torch==2.9", "    The user requested (constraint) torch==2.9+cu132"]
    assert "these do not go together" in str(explain(output, {"torch": "2.9+cu132"}))
    output[1] = "    cvp-a 1 depends on torch==2.8"
    assert "but torch 2.9+cu132 is installed and stays" in str(explain(output, {"torch": "2.9+cu132"}))


@pytest.mark.parametrize(
    "output, kind, message",
    [
        (
            "ERROR: Could not find a version that satisfies the requirement cvp-a==3 (from versions: 1.0, 2.0)",
            UserError,
            "no release fits 'cvp-a==3'; there are 1.0, 2.0",
        ),
        (
            "ERROR: Could not find a version that satisfies the requirement cvp-densnet (from versions: none)",
            UserError,
            "Did you mean 'densenet'?",
        ),
        (
            "ERROR: Could not find a version that satisfies the requirement x>9 (from cvp-a) (from versions: none)",
            MachineError,
            "cvp-a wants x>9, which no package index has",
        ),
        ("error: externally-managed-environment", MachineError, "python -m venv"),
        ("ERROR: disk on fire", MachineError, "pip failed: disk on fire"),
        ("", MachineError, "pip failed"),
    ],
)
def test_what_pip_says_becomes_one_line(output: str, kind: type[Exception], message: str) -> None:
    error = explain([output], {})
    assert isinstance(error, kind)
    assert message in str(error)
    assert "\n" not in str(error)


def test_only_families_that_are_known_stand_for_their_distribution() -> None:
    names = ["regnet", "cvp-foo", "torchvision", "timm", "vit-pytorch"]
    assert [full_name(name) for name in names] == ["cvp-regnet", *names[1:]]
