"""Past what other tests show: that each trial has a process of its own, and a network's way to ONNX."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from cvp_core.compile.onnx_export import export_onnx
from cvp_core.targets import load_target

__all__ = ["call_here", "export_once", "stay_here"]


def stay_here(patch: pytest.MonkeyPatch) -> None:
    """Trials and measurements run in this process; a new one takes seconds to import torch."""
    for module in ("compile.trial", "bench.forward", "bench.training"):
        patch.setattr(f"cvp_core.{module}.call_apart", call_here)
    patch.setattr("torch.set_num_threads", lambda count: None)  # which would outlast the test


def call_here(target: str, arguments: Mapping[str, Any], **_: float | None) -> dict[str, Any]:
    """What cvp_core.apart.call_apart answers of a function that neither hangs nor crashes."""
    with TemporaryDirectory() as folder:
        try:
            answer = load_target(target, "cvp-core")(**json.loads(json.dumps(dict(arguments))), folder=folder)
        except Exception as error:  # noqa: BLE001 - as there
            answer = {"error": f"{type(error).__name__}: {error}"}
    return json.loads(json.dumps(answer))


def export_once(patch: pytest.MonkeyPatch, kept: Path) -> None:
    """The first export is kept, and is what every later one gives: for tests of one network alone."""

    def export(model: Any, images: Any, path: Path, *names: Any, **more: Any) -> None:
        if not kept.exists():
            export_onnx(model, images, kept, *names, **more)
        shutil.copy(kept, path)

    patch.setattr("cvp_core.compile.onnx_export.export_onnx", export)
