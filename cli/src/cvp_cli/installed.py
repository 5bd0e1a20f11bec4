"""Which plugin distributions are installed, where each came from, and what the names that people type mean."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from packaging.utils import canonicalize_name

from cvp_core.distributions import plugin_distributions
from cvp_core.errors import MachineError, UnknownNameError, UserError
from cvp_core.known import distribution_of, prefixes
from cvp_core.registry import near_misses

__all__ = ["OURS", "Installed", "fresh_states", "full_name", "installed_plugins", "plugin_named", "version_of"]

# They declare entry points as plugins do, and are cvp itself.
OURS = ("cvp-core", "cvp-cli")


@dataclass(frozen=True)
class Installed:
    """requirement: what brings it back, as pip reads it: name==version, name @ URL, or -e URL."""

    name: str
    version: str
    requirement: str

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}".strip()


def installed_plugins() -> dict[str, Installed]:
    """The plugin distributions by normalised name, broken ones too, without importing any; cvp itself left out."""
    importlib.invalidate_caches()
    found = {}
    for name, number, distribution in plugin_distributions():
        key = canonicalize_name(name)
        if key not in OURS:
            origin = distribution.read_text("direct_url.json")
            found[str(key)] = Installed(key, number, requirement_of(key, number, origin))
    return dict(sorted(found.items()))


def requirement_of(name: str, number: str, direct_url: str | None) -> str:
    """The requirement for what PEP 610's `direct_url` describes; without one the version of an index."""
    try:
        origin: dict[str, Any] = json.loads(direct_url or "")
        url = str(origin["url"])
    except (ValueError, KeyError, TypeError):
        return f"{name}=={number}"
    if (origin.get("dir_info") or {}).get("editable"):
        return f"-e {url}"
    vcs, archive = origin.get("vcs_info") or {}, origin.get("archive_info") or {}
    if vcs:
        url = f"{vcs['vcs']}+{url}@{vcs['commit_id']}"
    hashes = [f"{kind}={digest}" for kind, digest in sorted((archive.get("hashes") or {}).items())]
    folder = [f"subdirectory={origin['subdirectory']}"] if origin.get("subdirectory") else []
    fragment = "&".join([*(hashes or filter(None, [archive.get("hash")])), *folder])
    return f"{name} @ {url}{'#' if fragment else ''}{fragment}"


def version_of(name: str) -> str | None:
    """The version of any installed distribution."""
    try:
        return version(name)
    except (PackageNotFoundError, ValueError):
        return None


def full_name(name: str) -> str:
    """The distribution's name: 'regnet', a family that cvp knows, is cvp-regnet; all else is its own."""
    known = name.lower() in prefixes() and distribution_of(name.lower())
    return known or name


def plugin_named(name: str, plugins: Mapping[str, Installed]) -> Installed:
    """The installed plugin that `name` means: a distribution or a family.

    Raises UserError for cvp itself and for what is no plugin, UnknownNameError with near misses.
    """
    key = canonicalize_name(name)
    for wanted in (key, canonicalize_name(full_name(name)), f"cvp-{key}"):
        if wanted in plugins:
            return plugins[wanted]
    if key in OURS:
        raise UserError(f"{key} is cvp itself, which cvp does not remove. To remove it: pip uninstall {key}")
    if version_of(name):
        raise UserError(
            f"{key} is no cvp plugin: it declares no entry point in the group 'cvp'. To remove it: pip uninstall {key}"
        )
    near = near_misses(key, plugins) or near_misses(f"cvp-{key}", plugins)
    raise UnknownNameError(f"no plugin '{name}' is installed.{near} `cvp plugins list` shows all.")


def fresh_states() -> dict[str, dict[str, Any]]:
    """What a new process finds, by distribution: a row of `cvp plugins list --json`, with the names of its models.

    This process may have imported what was replaced since, and does not see new editable installations.
    """
    rows = {}
    for row in _ask("plugins", "list", "--json"):
        rows[str(canonicalize_name(row["distribution"]))] = {**row, "models": []}
    for model in _ask("list-models", "--json"):
        rows[str(canonicalize_name(model["distribution"]))]["models"].append(model["name"])
    return rows


def _ask(*arguments: str) -> list[dict[str, Any]]:
    environment = {name: value for name, value in os.environ.items() if name != "CVP_STRICT"}
    command = [sys.executable, "-P", "-m", "cvp_cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", env=environment, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise MachineError(f"`cvp {' '.join(arguments)}` fails now: {reason.removeprefix('Error: ')}")
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows
