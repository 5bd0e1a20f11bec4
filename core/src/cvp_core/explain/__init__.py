"""Looking into a network: Grad-CAM, first-layer filters and feature maps, as numbers and as pages of pictures."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .answers import Answer, answer, open_picture
    from .cam import grad_cam
    from .features import feature_maps, first_filters
    from .pages import cam_page, feature_page, filter_page

__all__ = [
    "Answer",
    "answer",
    "cam_page",
    "feature_maps",
    "feature_page",
    "filter_page",
    "first_filters",
    "grad_cam",
    "open_picture",
]

_HOMES = {
    "answers": ("Answer", "answer", "open_picture"),
    "cam": ("grad_cam",),
    "features": ("feature_maps", "first_filters"),
    "pages": ("cam_page", "feature_page", "filter_page"),
}
_LAZY = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
