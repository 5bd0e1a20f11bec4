"""Channel counts that hardware likes."""

from __future__ import annotations

import math

__all__ = ["round_channels"]


def round_channels(channels: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to `channels`, or the next one where that is more than a tenth less."""
    nearest = max(divisor, divisor * math.floor(channels / divisor + 0.5))
    return nearest if nearest >= 0.9 * channels else nearest + divisor
