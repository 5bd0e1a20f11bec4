"""Training runs in MLflow, where $MLFLOW_TRACKING_URI is set. Importing this imports neither MLflow nor torch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cvp_core import hookimpl

if TYPE_CHECKING:
    from cvp_core.train import Callback

CVP_API = 1

__all__ = ["CVP_API", "cvp_callbacks"]


@hookimpl
def cvp_callbacks() -> tuple[Callback, ...]:
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return ()
    from .tracker import MlflowTracker

    return (MlflowTracker(),)
