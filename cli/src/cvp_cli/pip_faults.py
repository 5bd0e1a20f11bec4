"""What a failed pip said, as one line that tells what wants what and what to do next."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cvp_core.errors import CvpError, MachineError, PluginError, UnknownNameError, UserError
from cvp_core.known import prefixes
from cvp_core.registry import near_misses

from .output import say

__all__ = ["PipOutputError", "explain"]

_DEPENDS = re.compile(r"\s+(?:(?P<who>\S.*?) depends on|The user requested) (?P<what>[A-Za-z0-9].*)")
_MISSING = re.compile(r"ERROR: Could not find a version that satisfies the requirement (.+?) \(from (.*)")
_OFFLINE = re.compile(r"WARNING: Retrying|Temporary failure in name resolution|Failed to establish a new connection")


class PipOutputError(Exception):
    """All that pip wrote; the cause of our one line, for --debug."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("pip wrote:\n" + "\n".join(lines))


def explain(lines: Sequence[str], pinned: Mapping[str, str]) -> CvpError:
    """The error for this output. `pinned`: installed versions that pip was held to.

    Where the reason is not recognised, pip's own complaint goes to stderr whole.
    """
    return _conflict(lines, pinned) or _missing(lines) or _other(lines)


def _conflict(lines: Sequence[str], pinned: Mapping[str, str]) -> CvpError | None:
    wishes = []
    for line in lines:
        match = _DEPENDS.fullmatch(line)
        if match is None:
            continue
        who, what = match["who"] or "the command", match["what"]
        wishes.append(f"{who} wants {what}")
        try:
            requirement = Requirement(what)
        except InvalidRequirement:
            continue
        name = str(canonicalize_name(requirement.name))
        if name in pinned and not requirement.specifier.contains(pinned[name], prereleases=True):
            return PluginError(
                f"{who} wants {what}, but {name} {pinned[name]} is installed and stays; nothing was changed. "
                + _way_out(who, name)
            )
    return PluginError(f"these do not go together: {'; '.join(wishes)}; nothing was changed") if wishes else None


def _way_out(who: str, name: str) -> str:
    if name in ("cvp-core", "cvp-cli"):
        return "To update cvp itself: pip install --upgrade cvp-core cvp-cli"
    other = f"another release of {who.split()[0]} (NAME==VERSION)" if who != "the command" else "another release"
    return f"Ask for {other}, or take a new environment (python -m venv)"


def _missing(lines: Sequence[str]) -> CvpError | None:
    match = next(filter(None, map(_MISSING.match, lines)), None)
    if match is None:
        return None
    what, (*owners, versions) = match[1], match[2].split("(from ")
    offline = any(_OFFLINE.search(line) for line in lines)
    if offline:
        return MachineError(f"the package index cannot be reached, so '{what}' was not found; is there a network?")
    if owners:
        return PluginError(f"{owners[0].strip(' )')} wants {what}, which no package index has; nothing was changed")
    known = versions.removeprefix("versions: ").rstrip(")")
    if known != "none":
        return UnknownNameError(f"no release fits '{what}'; there are {known}")
    near = near_misses(what.removeprefix("cvp-"), [name for name in prefixes() if name != what.removeprefix("cvp-")])
    return UnknownNameError(
        f"no package '{what}' for this Python in pip's indexes.{near} A folder is written with a slash: ./{what}"
    )


def _other(lines: Sequence[str]) -> CvpError:
    complaints = [line.strip() for line in lines if re.match(r"\s*(ERROR|error):", line)]
    last = re.sub(r"^(ERROR|error):\s*", "", complaints[-1]) if complaints else next(reversed(lines), "it said nothing")
    if last.startswith("Invalid requirement"):
        hint = next((line.removeprefix("Hint: ") for line in lines if line.startswith("Hint: ")), "")
        return UserError(f"pip: {last}{'. ' + hint if hint else ''}")
    if "is not a valid editable requirement" in last:
        return UserError(f"{last.partition('. ')[0]}; give a folder with a pyproject.toml")
    if "externally-managed-environment" in last:
        return MachineError("this Python belongs to the system; install cvp in an environment: python -m venv .venv")
    first = next((index for index, line in enumerate(lines) if re.match(r"\s*(ERROR|error):", line)), len(lines))
    for line in lines[first:]:
        say(line)
    return MachineError(f"pip failed: {last}")
