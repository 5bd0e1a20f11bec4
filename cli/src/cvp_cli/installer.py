"""pip, in the running environment, held to what is installed of torch and cvp; what it says, in one line."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

import click
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cvp_core.errors import MachineError, UserError

from .installed import OURS, full_name, installed_plugins, version_of
from .output import say
from .pip_faults import PipOutputError, explain

__all__ = ["Arrival", "install", "pins", "remove", "telling_what_changed"]

FOUNDATION = ("torch", "torchvision", "torchaudio")
_OF_TORCH = ("nvidia-", "cuda-", "triton", "pytorch-")
# These put packages elsewhere, or put torch there anew.
_REFUSED = (
    "-t",
    "--target",
    "--prefix",
    "--root",
    "--user",
    "--python",
    "-I",
    "--ignore-installed",
    "--force-reinstall",
)
_NOISE = ("Requirement already satisfied", "Looking in ", "INFO: pip is looking at", "INFO: This is taking longer")
_FAULT = re.compile(r"\s*(ERROR|error|Traceback)\b")


@dataclass(frozen=True)
class Arrival:
    """What pip installed, or would; `is_requested`: asked for by name, not brought by another."""

    name: str
    version: str
    is_requested: bool

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}"


def pins() -> dict[str, str]:
    """Installed version by name of what a plugin must not change: torch with its own libraries, and cvp."""
    pinned: dict[str, str] = {}
    waiting = [*FOUNDATION, *OURS]
    while waiting:
        name = waiting.pop()
        number = version_of(name)
        if number is None or name in pinned:
            continue
        pinned[name] = number
        if name in FOUNDATION or name.startswith(_OF_TORCH):
            parts = {canonicalize_name(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in requires(name) or ()}
            waiting += sorted(part for part in parts if part.startswith(_OF_TORCH))
    return pinned


def install(
    requirements: Sequence[str],
    *,
    options: Sequence[str] = (),
    is_dry_run: bool = False,
    is_reinstall: bool = False,
) -> list[Arrival]:
    """Installs what pip takes, with `options` for pip, and returns what came in, or would on a dry run.

    Raises UserError for what cannot be asked for, PluginError for one that wants another torch or cvp,
    MachineError for other faults of pip.
    is_reinstall: also what is there in the same version, such as one from another folder.
    """
    refused = [option for option in options if option.partition("=")[0] in _REFUSED]
    if refused:
        raise UserError(f"pip's {refused[0]} cannot be given here; plugins are installed into {sys.prefix}")
    wanted = [_checked(requirement) for requirement in requirements]
    pinned = pins()
    with tempfile.TemporaryDirectory(prefix="cvp-") as folder:
        constraints, report = Path(folder, "constraints.txt"), Path(folder, "report.json")
        lines = [f"{name}=={number}\n" for name, number in pinned.items()]
        constraints.write_text("".join(lines), encoding="utf-8")
        mode = ["--dry-run"] * is_dry_run + ["--force-reinstall"] * is_reinstall
        places = ["--report", str(report), "--constraint", str(constraints)]
        run_pip(["install", *mode, *places, *options, *wanted], pinned)
        installed = json.loads(report.read_text(encoding="utf-8"))["install"] if report.exists() else []
    return [
        Arrival(
            str(canonicalize_name(item["metadata"]["name"])), item["metadata"]["version"], item.get("requested", False)
        )
        for item in installed
    ]


def remove(names: Sequence[str]) -> None:
    """Uninstalls these plugin distributions. Raises MachineError if one is still there, outside of this environment."""
    run_pip(["uninstall", "--yes", *names], {})
    left = [name for name in names if name in installed_plugins()]
    if left:
        raise MachineError(
            f"{' and '.join(left)} cannot be removed here: installed outside of the environment {sys.prefix}; "
            "remove it where it was installed"
        )


def run_pip(arguments: Sequence[str], pinned: Mapping[str, str]) -> None:
    """Runs pip with its progress on stderr. Raises what `explain` makes of its output if it fails.

    From its first complaint on, the output is kept back: one line says the same, and --debug shows all.
    """
    if find_spec("pip") is None:
        raise MachineError(
            f"the environment {sys.prefix} has no pip. To add it: {shlex.quote(sys.executable)} -m ensurepip "
            "--upgrade, or: uv pip install pip"
        )
    command = [sys.executable, "-P", "-m", "pip", arguments[0], "--disable-pip-version-check", "--no-input"]
    process = subprocess.Popen(
        [*command, *arguments[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    lines: list[str] = []
    has_fault = False
    try:
        assert process.stdout is not None
        for line in map(str.rstrip, process.stdout):
            lines.append(line)
            has_fault = has_fault or _FAULT.match(line) is not None
            if not has_fault and not line.startswith(_NOISE):
                say(line)
        code = process.wait()
    except KeyboardInterrupt:
        _wait_for_interrupted(process)
        raise
    if code:
        raise explain(lines, pinned) from PipOutputError(lines)


def _wait_for_interrupted(process: subprocess.Popen[str]) -> None:
    """Lets pip put back what it had begun; a terminal interrupts it with us, a second time would stop that."""
    import signal

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            process.communicate(timeout=5)
            return
        except subprocess.TimeoutExpired:
            process.send_signal(number)
    process.wait()


@contextmanager
def telling_what_changed() -> Iterator[None]:
    """On Ctrl-C says what has become of the plugins, and ends with exit code 130."""
    before = installed_plugins()
    try:
        yield
    except KeyboardInterrupt:
        after = installed_plugins()
        changes = [f"{plugin.label} is installed" for name, plugin in after.items() if before.get(name) != plugin]
        changes += [f"{plugin.label} is removed" for name, plugin in before.items() if name not in after]
        say(f"Interrupted while pip ran: {'; '.join(changes) or 'no plugin has changed'}. Run it again to complete it.")
        raise click.exceptions.Exit(130) from None


def _checked(requirement: str) -> str:
    """What pip gets for what was typed. Raises UserError for what is no plugin by its name alone."""
    try:
        parsed = Requirement(requirement)
    except InvalidRequirement:
        return requirement
    name = str(canonicalize_name(parsed.name))
    if name in (*FOUNDATION, *OURS):
        raise UserError(f"{name} is no plugin, and `cvp plugins` leaves it as it is: {version_of(name) or 'missing'}")
    return full_name(parsed.name) + requirement.strip()[len(parsed.name) :]
