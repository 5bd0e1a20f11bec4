"""Installed plugins without pip: a module and its metadata in a folder that goes on sys.path."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["cvp", "family", "install"]


def install(folder: Path, distribution: str, source: str, *, version: str = "2.1", entry: str = "") -> None:
    """Writes `distribution` into `folder` as pip would; `entry` replaces what its entry point names."""
    module = distribution.replace("-", "_")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{module}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
    (info / "entry_points.txt").write_text(f"[cvp]\n{module} = {entry or module}\n")


def family(*names: str, family: str, default: str = "", extra: str = "") -> str:
    """The source of a plugin with models of these names that all build the same small net."""
    return f"""
from collections import OrderedDict
from cvp_core import ModelSpec, hookimpl
CVP_API = 1

@hookimpl
def cvp_models():
    return [
        ModelSpec(name, {family!r}, __name__ + ":build", parameters=6, macs=0, default=name == {default!r})
        for name in {names!r}
    ]

def build(num_classes, input_size):
    from torch import nn
    from cvp_core import ImageClassifier
    from cvp_core.blocks import PoolHead
    return ImageClassifier(nn.Identity(), nn.Sequential(nn.ReLU()), PoolHead(input_size[0], num_classes))
{extra}
"""


def cvp(*args: str, path: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
    """`cvp ARGS` in its own process, with the plugins in `path` and of the caller's CVP_ settings only CVP_CONFIG."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("CVP_") or name == "CVP_CONFIG"}
    env |= environ | ({"PYTHONPATH": str(path)} if path else {})
    return subprocess.run(
        [sys.executable, "-m", "cvp_cli", *args],
        capture_output=True,
        text=True,
        env=env,
        timeout=120,
        check=False,
    )
