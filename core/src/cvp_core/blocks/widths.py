"""Channel counts that hardware likes."""

from __future__ import annotations

import math

__all__ = ["round_channels"]


def round_channels(channels: float) -> int:
    """The multiple of 8 nearest to `channels`, or the next one where that is more than a tenth less."""
    nearest = max(8, 8 * math.floor(channels / 8 + 0.5))
    return nearest if nearest >= 0.9 * channels else nearest + 8
