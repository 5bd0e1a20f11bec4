"""Every classification model of torchvision as `torchvision/NAME`. Importing this module imports no torchvision."""

from __future__ import annotations

from pathlib import Path

from cvp_core import ModelSpec, hookimpl
from cvp_core.foreign import read_index

CVP_API = 1
INDEX = Path(__file__).with_name("index.json")

__all__ = ["CVP_API", "INDEX", "cvp_models"]


@hookimpl
def cvp_models() -> tuple[ModelSpec, ...]:
    return read_index(
        INDEX,
        builder="cvp_torchvision.model:build",
        converter="cvp_torchvision.convert:convert",
        licence="BSD-3-Clause",
    )
