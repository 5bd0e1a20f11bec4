"""Colours that tell things apart in a picture."""

from __future__ import annotations

from matplotlib import colormaps
from matplotlib.colors import to_hex

__all__ = ["COLOURS", "colours_for"]

# Okabe and Ito's palette, which the colour-blind can tell apart, and two more.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8c6d31", "#6a51a3")


def colours_for(count: int) -> tuple[str, ...]:
    """A colour each: of up to 8 easily told apart, of up to 20 well, of more as neighbours on a wheel of hues."""
    if count <= len(COLOURS):
        return COLOURS[:count]
    if count <= 20:
        return tuple(to_hex(colour) for colour in colormaps["tab20"].resampled(20)(range(count)))
    # Neighbouring numbers get hues far from each other: the golden ratio's multiples never come close.
    return tuple(to_hex(colormaps["hsv"]((index * 0.618034) % 1.0)) for index in range(count))
