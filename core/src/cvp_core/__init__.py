"""cvp: image classifiers whose architectures arrive as pip packages. Importing this module is cheap.

What needs torch is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .building import create_model
from .errors import CvpError
from .hookspecs import CVP_API, hookimpl
from .registry import get_spec, list_models
from .spec import BackendSpec, DatasetSpec, ModelSpec, Paper, Preprocess, RecipeSpec, WeightsSpec

if TYPE_CHECKING:
    from .classifier import Classifier, load
    from .network import ImageClassifier
    from .weights.convert import convert_state_dict
    from .weights.format import save

__version__ = "0.1.0"

__all__ = [
    "CVP_API",
    "BackendSpec",
    "Classifier",
    "CvpError",
    "DatasetSpec",
    "ImageClassifier",
    "ModelSpec",
    "Paper",
    "Preprocess",
    "RecipeSpec",
    "WeightsSpec",
    "convert_state_dict",
    "create_model",
    "get_spec",
    "hookimpl",
    "list_models",
    "load",
    "save",
]

_LAZY = {
    "Classifier": "cvp_core.classifier",
    "load": "cvp_core.classifier",
    "ImageClassifier": "cvp_core.network",
    "convert_state_dict": "cvp_core.weights.convert",
    "save": "cvp_core.weights.format",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module 'cvp_core' has no attribute {name!r}")
