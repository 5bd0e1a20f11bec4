"""`birds`: a painted sample of four species, for a first run on a machine without data or network."""

from .sample import write_sample
from .scene import CLASSES, paint

__all__ = ["CLASSES", "VERSION", "paint", "write_sample"]

VERSION: int = 1  # part of the cache key: raise it whenever the pictures change
