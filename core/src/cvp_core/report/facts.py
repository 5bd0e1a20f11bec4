"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from ..data import ImageSet
    from ..evaluate import Evaluation
    from ..network import ImageClassifier
    from ..spec import Preprocess
    from ..train.config import TrainConfig
    from ..train.events import EpochResult

__all__ = ["ReportFacts", "Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """What a run took; None is left out of the report.

    seconds: all in all. images_per_s: while training. waiting: share of the epochs' time spent waiting for data, 0..1;
    both are found out of the epochs where they are not given. peak_memory_mb: the most that the GPU, or on a CPU the
    process, held at once.
    """

    seconds: float | None = None
    images_per_s: float | None = None
    waiting: float | None = None
    peak_memory_mb: float | None = None


@dataclass(frozen=True)
class ReportFacts:
    """What a report shows; a part of it that is missing is left out there.

    title: MODEL-DATA. classes: the name of each label, by index.
    counts: by split, in the order to show, how many pictures each class has, (classes).
    about: name to value of what else is worth a line at the top, such as {"parameters": "6.96 M"}.
    evaluation: of `images`, which are of the split `split`, in the same order.
    model, preprocess: for Grad-CAM; the model that gave `evaluation`, on any device.
    environment: name to value, shown after what is found out here (versions, threads, commit), over which it wins.
    plugins: distributions besides cvp-core whose versions are told.
    """

    title: str
    classes: Sequence[str]
    counts: Mapping[str, Sequence[int] | np.ndarray] = field(default_factory=dict)
    about: Mapping[str, str] = field(default_factory=dict)
    config: TrainConfig | None = None
    history: Sequence[EpochResult] = ()
    evaluation: Evaluation | None = None
    images: ImageSet | None = None
    split: str = "validation"
    timing: Timing = Timing()
    model: ImageClassifier | None = None
    preprocess: Preprocess | None = None
    device: str = "cpu"
    precision: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    plugins: Sequence[str] = ()
