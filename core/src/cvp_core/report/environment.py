"""Where a run took place, as far as another person needs it to repeat the run: never who or on which host."""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..machine import cpu_features, describe_device

__all__ = ["describe_environment", "git_commit"]

_LIBRARIES = ("torch", "torchvision", "lightning-fabric", "numpy", "pillow")


def describe_environment(device: str = "cpu", precision: str = "", plugins: Sequence[str] = ()) -> dict[str, str]:
    """Name to value: cvp and the plugins, Python, libraries, device, threads, precision, system, commit."""
    import torch

    features = " ".join(sorted(cpu_features()))
    facts = {
        "cvp": ", ".join(_versions(("cvp-core", "cvp-cli", *dict.fromkeys(plugins)))),
        "Python": platform.python_version(),
        "libraries": ", ".join(_versions(_LIBRARIES)),
        "device": describe_device(device),
        "threads": str(torch.get_num_threads()),
        "precision": precision,
        "system": f"{platform.system()} on {platform.machine()}" + (f" ({features})" if features else ""),
        "commit": git_commit(Path.cwd()),
    }
    if device.startswith("cuda") and torch.version.cuda:
        facts["CUDA"] = str(torch.version.cuda)
    return {name: value for name, value in facts.items() if value}


def git_commit(folder: Path) -> str:
    """The commit of the repository that `folder` is in, with -dirty where files were changed; "" if in none."""
    command = ["git", "--no-optional-locks", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=2, check=False)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _versions(distributions: Sequence[str]) -> list[str]:
    found = []
    for name in distributions:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return found
