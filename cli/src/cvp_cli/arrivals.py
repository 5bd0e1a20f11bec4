"""What an installation brought, as a fresh process sees it: versions, models, and what is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import click
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from cvp_core.errors import PluginError

from .installed import fresh_states, full_name, installed_plugins, version_of
from .installer import Arrival
from .output import counted, print_json, say

__all__ = ["print_arrivals", "print_planned"]


def print_planned(arrived: Sequence[Arrival], as_json: bool) -> None:
    """What a dry run found."""
    if as_json:
        print_json([{"distribution": arrival.name, "version": arrival.version} for arrival in arrived])
        return
    for arrival in arrived:
        click.echo(f"would install  {arrival.label}")
    if not arrived:
        click.echo("nothing to do: all is installed already")


def print_arrivals(arrived: Sequence[Arrival], asked: Sequence[str], as_json: bool) -> None:
    """Each plugin that came in with its models. `asked`: what was typed, of which some was there already.

    Raises PluginError if one is broken, or what was asked for is no plugin.
    """
    states = fresh_states()
    came = {arrival.name: arrival for arrival in arrived}
    there = [name for name in _names(asked) if name not in came and version_of(name)]
    shown = [states[name] for name in (*came, *there) if name in states]
    if as_json:
        keys = ("distribution", "version", "models", "state", "error")
        print_json([{key: state[key] for key in keys} for state in shown])
    for state in shown:
        if state["state"] == "ambiguous":
            say(f"{state['distribution']} {state['version']}: {state['error']}")
        if not as_json and state["state"] != "broken":
            verb = "installed" if canonicalize_name(state["distribution"]) in came else "there already"
            models = state["models"]
            names = ", ".join(models[:8]) + (", ..." if len(models) > 8 else "")
            brought = f"{counted(len(models), 'model')}: {names}" if models else "no models"
            click.echo(f"{verb}  {state['distribution']} {state['version']}  {brought}")
    faults = _faults([arrival for arrival in arrived if arrival.is_requested], there, shown)
    if faults:
        raise PluginError("; ".join(faults))
    models = [model for state in shown for model in state["models"]]
    if models and not as_json:
        click.echo(f"next  cvp info {models[0]}")


def _faults(requested: Sequence[Arrival], there: Sequence[str], shown: Sequence[dict[str, str]]) -> list[str]:
    faults = []
    plugins = installed_plugins()
    for name in (*(arrival.name for arrival in requested), *there):
        if name not in plugins:
            faults.append(
                f"{name} {version_of(name)} is installed but no cvp plugin: it declares no entry point in the group "
                f"'cvp' (to remove it: pip uninstall {name})"
            )
    for state in shown:
        if state["state"] == "broken":
            name = state["distribution"]
            faults.append(
                f"{name} {state['version']} is installed but broken: {state['error']} (`cvp doctor {name}` shows the "
                f"traceback, `cvp plugins uninstall {name}` removes it)"
            )
    return faults


def _names(asked: Sequence[str]) -> list[str]:
    """The distributions that were asked for by name; a folder or URL has none."""
    names = []
    for text in asked:
        try:
            names.append(str(canonicalize_name(full_name(Requirement(text).name))))
        except InvalidRequirement:
            continue
    return names
