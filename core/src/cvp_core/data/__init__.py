"""Data: from a folder or a name to labelled pictures, and from a picture to an array; without torch.

What needs NumPy or PIL is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .folder import open_folder
    from .image import IMAGE_SUFFIXES, open_image
    from .preprocess import normalise, resize_and_crop
    from .resolve import open_data
    from .sources import ArraySet, DataSplits, FileSet, ImageSet
    from .splits import stratified, with_validation

__all__ = [
    "IMAGE_SUFFIXES",
    "ArraySet",
    "DataSplits",
    "FileSet",
    "ImageSet",
    "normalise",
    "open_data",
    "open_folder",
    "open_image",
    "resize_and_crop",
    "stratified",
    "with_validation",
]

_HOMES = {
    "folder": ("open_folder",),
    "image": ("IMAGE_SUFFIXES", "open_image"),
    "preprocess": ("normalise", "resize_and_crop"),
    "resolve": ("open_data",),
    "sources": ("ArraySet", "DataSplits", "FileSet", "ImageSet"),
    "splits": ("stratified", "with_validation"),
}
_LAZY = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
