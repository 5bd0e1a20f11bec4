"""A file of plugins as `cvp plugins freeze` writes it, and what an environment lacks of it."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cvp_core.errors import ConfigError

from .installed import Installed, version_of

__all__ = ["Entry", "Steps", "Wanted", "plan", "read_requirements"]

_EDITABLE = re.compile(r"(?:-e|--editable)(?:\s+|=)(\S.*)")


@dataclass(frozen=True)
class Entry:
    """One line. requirement: None for an editable one, which is known by the URL of its folder alone."""

    text: str
    requirement: Requirement | None
    folder: str = ""


@dataclass(frozen=True)
class Wanted:
    """A file: its entries, and its options for pip, such as --index-url."""

    entries: list[Entry] = field(default_factory=list)
    options: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Steps:
    """missing: entries to install, each with the reason. surplus: installed plugins that the file does not name."""

    missing: list[tuple[Entry, str]]
    surplus: list[Installed]

    def arguments(self) -> tuple[list[str], list[str]]:
        """The missing for pip: requirements, and options for the editable ones."""
        named = [entry.text for entry, _ in self.missing if entry.requirement is not None]
        folders = [entry.folder for entry, _ in self.missing if entry.requirement is None]
        return named, [part for folder in folders for part in ("--editable", folder)]


def read_requirements(path: Path) -> Wanted:
    """Raises ConfigError with the line's number for what is neither a requirement, -e FOLDER nor an option."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    wanted = Wanted()
    for number, line in enumerate(lines, 1):
        text = re.sub(r"(^|\s+)#.*$", "", line).strip()
        editable = _EDITABLE.fullmatch(text)
        if editable:
            folder = editable[1]
            url = folder.rstrip("/") if "://" in folder else Path(os.path.abspath(os.path.expanduser(folder))).as_uri()
            wanted.entries.append(Entry(f"-e {url}", None, url))
        elif re.match(r"-r\b|-c\b|--requirement|--constraint", text):
            raise ConfigError(f"{path}, line {number}: '{text}' is another file; write its lines into this one")
        elif text.startswith("-"):
            wanted.options.extend(shlex.split(text))
        elif text:
            try:
                wanted.entries.append(Entry(text, Requirement(text)))
            except InvalidRequirement as error:
                raise ConfigError(
                    f"{path}, line {number}: '{text}' is no requirement: {str(error).splitlines()[0]}; "
                    "write cvp-foo==1.2, cvp-foo @ URL or -e FOLDER"
                ) from error
    return wanted


def plan(wanted: Wanted, plugins: Mapping[str, Installed]) -> Steps:
    """What an environment with these plugins needs to be as wanted."""
    missing = []
    kept = set()
    for entry in wanted.entries:
        if entry.requirement is None:
            same = [plugin.name for plugin in plugins.values() if plugin.requirement == entry.text]
            kept.update(same)
            reason = "" if same else "not installed from there"
        elif entry.requirement.marker is not None and not entry.requirement.marker.evaluate():
            continue
        else:
            kept.add(str(canonicalize_name(entry.requirement.name)))
            reason = _lack(entry.requirement, plugins)
        if reason:
            missing.append((entry, reason))
    return Steps(missing, [plugin for name, plugin in plugins.items() if name not in kept])


def _lack(requirement: Requirement, plugins: Mapping[str, Installed]) -> str:
    """Why what is installed is not what is required; "" where it is."""
    name = str(canonicalize_name(requirement.name))
    number = plugins[name].version if name in plugins else version_of(name)
    if number is None:
        return "not installed"
    if requirement.url:
        is_same = name in plugins and plugins[name].requirement == f"{name} @ {requirement.url}"
        return "" if is_same else f"{number} is installed from elsewhere"
    return "" if requirement.specifier.contains(number, prereleases=True) else f"{number} is installed"
