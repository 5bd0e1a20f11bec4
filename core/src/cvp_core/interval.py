"""How far an accuracy measured on a sample may be from the true one, by chance alone."""

from __future__ import annotations

import math
from statistics import NormalDist

__all__ = ["wilson_interval"]


def wilson_interval(hits: int, samples: int, confidence: float = 0.95) -> tuple[float, float]:
    """The score interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22, p. 209): lowest and highest, 0..1.

    Unlike p ± 1.96 standard errors it stays within 0..1 and has a width where all answers or none are right.
    (0, 1) without samples. Raises ValueError for more hits than samples.
    """
    if not 0 <= hits <= samples:
        raise ValueError(f"{hits} hits of {samples} samples")
    if samples == 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share, spread = hits / samples, z * z / samples
    centre = (share + spread / 2) / (1 + spread)
    reach = z / (1 + spread) * math.sqrt(share * (1 - share) / samples + spread / (4 * samples))
    # At the ends the two parts are equal in exact arithmetic.
    return 0.0 if hits == 0 else centre - reach, 1.0 if hits == samples else centre + reach
