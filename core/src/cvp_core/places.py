"""Where data that can be had again is kept."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["user_cache"]


def user_cache(kind: str) -> Path:
    """The folder `kind` in $CVP_CACHE, else in the user's cache folder. It is not made."""
    base = os.environ.get("CVP_CACHE")
    if base:
        return Path(os.path.expanduser(base), kind)
    import platformdirs

    return platformdirs.user_cache_path("cvp") / kind
