"""Checks of what a plugin says of its models."""

from __future__ import annotations

import subprocess
import sys

from ..registry import collisions
from ..summary import blank_model, count_macs, count_parameters
from .subject import Subject, require

__all__ = ["costs_are_true", "listing_is_torch_free", "name_is_unique", "spec_is_complete"]


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
    model = blank_model(subject.claim, spec.num_classes, spec.input_size)
    for field, counted in (("parameters", count_parameters(model)), ("macs", count_macs(model, spec.input_size))):
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
    """Importing the plugin's module imports neither torch nor anything that imports it."""
    module = subject.claim.plugin.module.partition(":")[0]
    code = f"import sys, {module}; print(*[m for m in ('torch', 'torchvision', 'timm') if m in sys.modules])"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    require(answer.returncode == 0, f"import {module} fails: {answer.stderr.strip()[-200:]}", "mend the import")
    require(
        not answer.stdout.strip(),
        f"import {module} imports {answer.stdout.strip()}",
        "name the builder as text in the spec and keep imports of torch in the model's own module",
    )
