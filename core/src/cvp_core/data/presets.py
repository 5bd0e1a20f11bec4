"""The names of training-time variation, for those who only list them; `augment` and `order` do what they stand for."""

from __future__ import annotations

__all__ = ["AUGMENTATIONS", "SAMPLINGS"]

# none: evaluation's preprocessing. light, medium, strong: for photographs. randaugment, trivialaugment: policies that
# need no tuning. shift: pad, crop and flip, for small pictures.
AUGMENTATIONS = ("none", "light", "medium", "strong", "randaugment", "trivialaugment", "shift")

# shuffle: every picture once. balanced: as many pictures of each class, so those of a rare one come repeatedly.
SAMPLINGS = ("shuffle", "balanced")
