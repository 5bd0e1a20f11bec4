"""Plugins as the command line sees them: the commands they bring, and what is wrong with each."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import click

from cvp_core.errors import PluginError
from cvp_core.plugins import Plugin, discover, strict
from cvp_core.registry import check_strict, collisions

from .output import say

__all__ = ["Extensions", "check_plugins", "extensions", "fault_of", "report_broken"]


@dataclass(frozen=True)
class Extensions:
    """commands: by each name that runs them, of which 'distribution/name' always does.
    broken: why a plugin's commands cannot be had. left_out: the commands whose own name is not theirs alone.
    Both by the plugin's module."""

    commands: dict[str, click.Command] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, list[str]] = field(default_factory=dict)

    def by_shortest_name(self) -> dict[str, click.Command]:
        """Each command once."""
        names: dict[int, str] = {}
        for name, command in self.commands.items():
            names[id(command)] = min(name, names.get(id(command), name), key=len)
        return {name: self.commands[name] for name in sorted(names.values())}


@cache
def extensions(taken: frozenset[str]) -> Extensions:
    """The commands of all plugins; one whose name is `taken` or claimed twice has only its long name."""
    found = Extensions()
    claims: dict[str, list[tuple[Plugin, click.Command]]] = {}
    for plugin in discover():
        try:
            for command in plugin.collect("cvp_commands", click.Command):
                if not command.name or command.name.split() != [command.name]:
                    raise PluginError(f"{plugin.label}: cvp_commands gives a command the name {command.name!r}")
                claims.setdefault(command.name, []).append((plugin, command))
        except PluginError as error:
            found.broken[plugin.module] = str(error).removeprefix(f"{plugin.label}: ")
    for name, claimed in claims.items():
        owners = [plugin.label for plugin, _ in claimed]
        if name in taken:
            owners.insert(0, "cvp itself")
        for plugin, command in claimed:
            long_name = f"{plugin.distribution}/{name}"
            found.commands.setdefault(long_name, command)
            if len(owners) == 1:
                found.commands[name] = command
                continue
            reason = f"command '{name}' is claimed by {' and '.join(owners)}; `cvp {long_name}` runs this one"
            found.left_out.setdefault(plugin.module, []).append(reason)
    return found


def fault_of(plugin: Plugin, found: Extensions) -> tuple[str, str]:
    """'ok', 'broken' or 'ambiguous', and why."""
    broken = plugin.error or found.broken.get(plugin.module, "")
    if broken:
        return "broken", broken
    shared = [
        f"{kind} '{name}' is claimed by {' and '.join(owners)}; `{plugin.distribution}/{name}` means this one"
        for kind, name, owners in collisions()
        if plugin.distribution in owners
    ]
    reasons = [*shared, *found.left_out.get(plugin.module, [])]
    return ("ambiguous", ". ".join(reasons)) if reasons else ("ok", "")


def check_plugins(taken: frozenset[str]) -> None:
    """If $CVP_STRICT is set, raises a PluginError that names every fault of every plugin."""
    if not strict():
        return
    check_strict()
    found = extensions(taken)
    faults = [
        f"{plugin.label}: {why}" for plugin in discover() for state, why in [fault_of(plugin, found)] if state != "ok"
    ]
    if faults:
        raise PluginError(f"CVP_STRICT is set and the plugins have faults: {'; '.join(faults)}")


def report_broken() -> None:
    """A line on stderr for each plugin that is left out."""
    for plugin in discover():
        if plugin.error:
            say(f"cvp: {plugin.label} is left out: {plugin.error} (cvp plugins list)")
