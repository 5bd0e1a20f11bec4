"""`cvp doctor`: what this machine and its plugins can do, and what is missing for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ..options import json_option

if TYPE_CHECKING:
    from cvp_core.plugins import Plugin

__all__ = ["command"]

LIBRARIES = (
    *("cvp-core", "cvp-cli", "torch", "torchvision", "lightning-fabric", "torchmetrics", "numpy", "pillow"),
    *("safetensors", "matplotlib", "rich", "click", "pluggy"),
)
# What each is for: modules to import, and what pip installs.
OPTIONAL = {
    "timm's models": (("timm", "cvp_timm"), "'cvp-timm[timm]'"),
    "torchvision's models": (("cvp_torchvision",), "cvp-torchvision"),
}
# What our own C++ is for, by source.
NATIVE = {
    "norm": "faster batch norms in training on CPUs",
    "winograd": "faster 3x3 convolutions of openvino",
}


@click.command("doctor")
@click.argument("plugin", required=False)
@json_option
@click.pass_context
def command(ctx: click.Context, plugin: str | None, as_json: bool) -> None:
    """Check this machine, the libraries and the plugins.

    With PLUGIN, such as cvp-densenet, show what it brings, or the traceback of what is wrong with it. Ends
    with exit code 1 if a plugin is broken.
    """
    from ..output import print_json

    document = _plugins(_named(plugin)) if plugin else _machine() | _plugins(None)
    if as_json:
        print_json(document)
    elif plugin:
        _print_plugins(document["plugins"], in_full=True)
    else:
        _print_machine(document)
        _print_plugins(document["plugins"], in_full=False)
        _print_missing(document["missing"])
    if any(found["state"] == "broken" for found in document["plugins"]):
        ctx.exit(1)


def _named(name: str) -> str:
    """The distribution that `name` stands for: cvp-densenet, densenet or cvp_densenet."""
    from cvp_core.errors import UnknownNameError
    from cvp_core.plugins import discover
    from cvp_core.registry import near_misses

    names = {plugin.distribution for plugin in discover()}
    wanted = name.lower().replace("_", "-")
    for candidate in (name, wanted, f"cvp-{wanted}"):
        if candidate in names:
            return candidate
    hint = near_misses(wanted, names) or near_misses(f"cvp-{wanted}", names)
    raise UnknownNameError(f"no plugin '{name}' is installed.{hint} `cvp plugins list` shows all.")


def _plugins(distribution: str | None) -> dict[str, Any]:
    from cvp_core.plugins import discover

    from ..extensions import fault_of
    from ..main import plugin_commands

    def document(plugin: Plugin) -> dict[str, Any]:
        state, why = fault_of(plugin, plugin_commands())
        return {
            "distribution": plugin.distribution,
            "version": plugin.version,
            "module": plugin.module,
            "state": state,
            "error": why,
            "traceback": plugin.traceback,
            "models": [spec.name for spec in plugin.models],
            "datasets": [spec.name for spec in plugin.datasets],
            "backends": [spec.name for spec in plugin.backends],
            "recipes": [spec.name for spec in plugin.recipes],
        }

    return {"plugins": [document(plugin) for plugin in discover() if distribution in (None, plugin.distribution)]}


def _machine() -> dict[str, Any]:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from cvp_core.machine import available_cpus, cpu_features
    from cvp_core.weights.store import weights_dir

    def version_or_none(library: str) -> str | None:
        try:
            return version(library)
        except PackageNotFoundError:
            return None

    store = weights_dir()
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": {library: version_or_none(library) for library in LIBRARIES},
        "cpu": {"threads": available_cpus(), "features": sorted(cpu_features())},
        "torch": _torch(),
        "weights": {
            "folder": str(store.absolute()),
            "writable": _is_writable(store),
            "files": len(list(store.glob("*.safetensors"))),
        },
        "missing": _missing(),
    }


def _torch() -> dict[str, Any]:
    """The GPUs, or why torch cannot be used: the fault people most often come here with."""
    try:
        import torch
    except Exception as error:  # noqa: BLE001 - a damaged installation raises anything
        return {"error": f"{type(error).__name__}: {error}", "gpus": []}
    gpus = []
    try:
        for index in range(torch.cuda.device_count()):
            device = torch.cuda.get_device_properties(index)
            gpus.append({"device": f"cuda:{index}", "name": device.name, "memory_bytes": device.total_memory})
    except Exception as error:  # noqa: BLE001 - a driver that does not fit
        return {"error": f"the GPU cannot be asked: {type(error).__name__}: {error}", "gpus": gpus}
    if torch.backends.mps.is_available():
        gpus.append({"device": "mps", "name": "Apple GPU", "memory_bytes": None})
    return {"error": None, "gpus": gpus}


def _is_writable(folder: Any) -> bool:
    """Of the folder, or, before it exists, of the nearest parent that does."""
    import os

    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _missing() -> list[dict[str, str]]:
    """What would work if it were installed, with the command that does so."""
    from importlib.util import find_spec

    from cvp_core.native import compiler, failures
    from cvp_core.registry import backends

    wanted = dict(OPTIONAL)
    for claim in backends():
        packages = f"'{claim.spec.extra}'" if claim.spec.extra else " ".join(claim.spec.requires)
        wanted[f"the backend {claim.spec.name}"] = (claim.spec.requires, packages)
    found = [
        {"feature": feature, "missing": ", ".join(gone), "install": f"pip install {packages}"}
        for feature, (modules, packages) in wanted.items()
        if (gone := [module for module in modules if find_spec(module.partition(".")[0]) is None])
    ]
    if compiler() is None:
        without = ("the backends inductor and aoti", *NATIVE.values())
        found += [{"feature": each, "missing": "a C++ compiler", "install": "apt install g++"} for each in without]
    else:
        found += [
            {"feature": NATIVE.get(name, name), "missing": "a C++ compiler that builds it", "install": f"see {log}"}
            for name, log in failures().items()
        ]
    return found


def _print_machine(document: dict[str, Any]) -> None:
    from ..output import counted, format_size, print_facts

    libraries = ", ".join(f"{name} {version or '(missing)'}" for name, version in document["libraries"].items())
    cpu, weights, torch = document["cpu"], document["weights"], document["torch"]
    gpus = [
        f"{gpu['device']} {gpu['name']}" + (f", {format_size(gpu['memory_bytes'])}" if gpu["memory_bytes"] else "")
        for gpu in torch["gpus"]
    ]
    state = "writable" if weights["writable"] else "NOT writable"
    print_facts(
        {
            "python": f"{document['python']} on {document['platform']}",
            "libraries": _folded(libraries),
            "cpu": f"{counted(cpu['threads'], 'thread')}: {', '.join(cpu['features']) or 'features unknown'}",
            "gpu": "\n".join(gpus) or "none",
            "torch": f"cannot be used: {torch['error']}" if torch["error"] else "",
            "weights": f"{weights['folder']} ({counted(weights['files'], 'file')}, {state})",
        }
    )


def _folded(text: str) -> str:
    import textwrap

    return textwrap.fill(text, 86, break_long_words=False, break_on_hyphens=False)


def _print_plugins(plugins: list[dict[str, Any]], in_full: bool) -> None:
    from ..output import clean, print_facts, print_table

    if not in_full:
        click.echo()
        rows = [
            (
                f"{plugin['distribution']} {plugin['version']}",
                f"{plugin['state']}: {plugin['error']}" if plugin["error"] else plugin["state"],
            )
            for plugin in plugins
        ]
        print_table(("PLUGIN", "STATE"), rows)
        return
    for plugin in plugins:
        print_facts(
            {
                "plugin": f"{plugin['distribution']} {plugin['version']} ({plugin['module']})",
                "state": _folded(": ".join(filter(None, (plugin["state"], plugin["error"])))),
                "models": _folded(", ".join(plugin["models"])),
                "data sets": _folded(", ".join(plugin["datasets"])),
                "backends": _folded(", ".join(plugin["backends"])),
                "recipes": _folded(", ".join(plugin["recipes"])),
            }
        )
        if plugin["traceback"]:
            click.echo("\n" + clean(plugin["traceback"]).rstrip())


def _print_missing(missing: list[dict[str, str]]) -> None:
    from ..output import print_table

    if missing:
        click.echo()
        rows = [(entry["feature"], entry["missing"], entry["install"]) for entry in missing]
        print_table(("NOT AVAILABLE", "LACKS", "NEXT STEP"), rows)
