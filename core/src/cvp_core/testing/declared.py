"""Checks of what a plugin says of its models."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from ..plugins import Plugin
from ..registry import collisions
from ..summary import count_macs, count_parameters, on_meta
from .subject import Subject, once_a_plugin, require

__all__ = [
    "costs_are_true",
    "import_is_quick",
    "listing_is_torch_free",
    "name_is_unique",
    "spec_is_complete",
    "uses_no_pickle",
]

IMPORT_SECONDS = 0.05
PICKLERS = {"cloudpickle", "dill", "joblib", "pickle", "shelve"}


def spec_is_complete(subject: Subject) -> None:
    """Paper, licence, costs and smallest side are given."""
    spec = subject.spec
    for field in ("licence", "parameters", "macs", "min_size"):
        require(bool(getattr(spec, field)), f"the spec has no {field}", f"give ModelSpec {field}=")
    require(bool(spec.paper.title), "the spec names no paper", "give ModelSpec paper=Paper(title, arxiv=)")
    require(
        min(spec.input_size[1:]) >= spec.min_size,
        f"input_size {spec.input_size} is below min_size {spec.min_size}",
        "lower min_size or raise input_size",
    )


def costs_are_true(subject: Subject) -> None:
    """Declared parameters and MACs are those of the built model at its declared size."""
    spec = subject.spec
    parameters, macs = on_meta(
        subject.claim,
        spec.num_classes,
        spec.input_size,
        lambda model: (count_parameters(model), count_macs(model, spec.input_size)),
    )
    for field, counted in (("parameters", parameters), ("macs", macs)):
        declared = getattr(spec, field)
        require(
            declared == counted,
            f"{field} declared {declared:,}, counted {counted:,} at {spec.input_size} with {spec.num_classes} classes",
            f"write {field}={counted:_} into the spec, or mend the model",
        )


def name_is_unique(subject: Subject) -> None:
    """No other distribution claims the name."""
    for kind, name, owners in collisions():
        require(
            name != subject.spec.name,
            f"{kind} '{name}' is claimed by {' and '.join(owners)}",
            "rename the model, or give it a prefix such as 'foo/'",
        )


def listing_is_torch_free(subject: Subject) -> None:
    """Importing the plugin's module and asking for its models imports neither torch nor anything that imports it."""
    imported, _ = _imported(subject.claim.plugin)
    require(
        not imported,
        f"import {subject.claim.plugin.module} imports {imported}",
        "name the builder as text in the spec and keep imports of torch in the model's own module",
    )


def import_is_quick(subject: Subject) -> None:
    """Importing the plugin's module takes at most 50 ms, cvp_core's own import not counted."""
    _, seconds = _imported(subject.claim.plugin)
    require(
        seconds <= IMPORT_SECONDS,
        f"import {subject.claim.plugin.module} takes {1000 * seconds:.0f} ms; {1000 * IMPORT_SECONDS:.0f} are allowed",
        "`python -X importtime` shows what is slow; import it where it is used",
    )


def uses_no_pickle(subject: Subject) -> None:
    """No module of the plugin's package imports a pickler, or calls torch.save, or torch.load without weights_only."""
    for path, tree in _sources(subject.claim.plugin):
        for node in ast.walk(tree):
            found = _pickling(node)
            require(
                not found,
                f"{path.name}:{getattr(node, 'lineno', 0)} has {found}",
                "save by cvp_core.save, and read foreign files by torch.load(weights_only=True)",
            )


@once_a_plugin
def _imported(plugin: Plugin) -> tuple[str, float]:
    """Which heavy modules an import brings, and the processor seconds it takes: the least of three processes."""
    module = plugin.module.partition(":")[0]
    code = (
        "import sys, time, cvp_core; began = time.process_time(); "
        f"import {module} as plugin; seconds = time.process_time() - began; getattr(plugin, 'cvp_models', list)(); "
        "print(seconds, *[m for m in ('torch', 'torchvision', 'timm') if m in sys.modules])"
    )
    least, heavy = float("inf"), ""
    for _ in range(3):
        answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        require(answer.returncode == 0, f"import {module} fails: {answer.stderr.strip()[-200:]}", "mend the import")
        seconds, _, heavy = answer.stdout.strip().partition(" ")
        least = min(least, float(seconds))
        if heavy or least <= IMPORT_SECONDS:
            break
    return heavy, least


@once_a_plugin
def _sources(plugin: Plugin) -> tuple[tuple[Path, ast.Module], ...]:
    """The plugin's source files: of its package, or the one file of a plugin that is a single module."""
    spec = find_spec(plugin.module.partition(":")[0])
    if spec is None or not spec.origin:
        return ()
    paths = sorted(Path(spec.origin).parent.rglob("*.py")) if spec.submodule_search_locations else [Path(spec.origin)]
    return tuple((path, ast.parse(path.read_text(encoding="utf-8"))) for path in paths)


def _pickling(node: ast.AST) -> str:
    if isinstance(node, ast.Import):
        return next((f"import {name.name}" for name in node.names if name.name.split(".")[0] in PICKLERS), "")
    if isinstance(node, ast.ImportFrom):
        return f"from {node.module} import" if (node.module or "").split(".")[0] in PICKLERS else ""
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        is_safe = any(word.arg == "weights_only" and ast.unparse(word.value) == "True" for word in node.keywords)
        if called == "torch.save" or (called == "torch.load" and not is_safe):
            return f"{called}()"
    return ""
