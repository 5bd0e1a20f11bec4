"""Every classification model of timm as `timm/NAME`, where timm is installed. Importing this module imports neither."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from cvp_core import ModelSpec, hookimpl
from cvp_core.foreign import read_index

CVP_API = 1
INDEX = Path(__file__).with_name("index.json")

__all__ = ["CVP_API", "INDEX", "cvp_models"]


@hookimpl
def cvp_models() -> tuple[ModelSpec, ...]:
    if find_spec("timm") is None:
        return ()
    return read_index(INDEX, builder="cvp_timm.model:build", converter="cvp_timm.convert:convert", licence="Apache-2.0")
