"""Whether a compiled model gives the answers of the model: NumPy alone."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

__all__ = ["LOSSY", "Accuracy", "Parity", "compare", "softmax"]

# Precisions that give other answers, and are judged by labels instead.
LOSSY = frozenset({"int8"})

# Largest difference of logits, as a share of their spread: float32 in another order of summation, and 8 bits of
# mantissa through a hundred layers. A wrong layer is off by a share of 1.
LIMITS = {"float32": 1e-3, "bfloat16": 0.15, "float16": 0.05}
# Pictures whose first two probabilities are nearer than this have no decided answer.
DECIDED = 0.05
AGREEMENT = 0.99


@dataclass(frozen=True, slots=True)
class Parity:
    """Beside eager float32 on the same pictures.

    agreement: share of pictures with the same first class, out of the decided ones. probability: the largest
    difference of a probability. logits: the largest difference of a logit as a share of the logits' spread.
    """

    agreement: float
    probability: float
    logits: float
    pictures: int

    def fault(self, precision: str) -> str:
        """Why it does not pass at this precision; "" if it does. Lossy ones only have to be finite."""
        limit = LIMITS.get(precision, LIMITS["float32"])
        if not np.isfinite(self.logits):
            return "its answers are not finite"
        if precision in LOSSY:
            return ""
        if self.logits > limit:
            return f"its logits differ by {self.logits:.2g} of their spread; {limit:g} is allowed for {precision}"
        if self.agreement < AGREEMENT:
            return f"it names another class for {1 - self.agreement:.1%} of the pictures"
        return ""

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Shares of labelled pictures that are named rightly: by eager float32 in `plain`, by the compiled in `top1`."""

    plain: float
    top1: float
    pictures: int

    @classmethod
    def of(cls, reference: np.ndarray, answers: np.ndarray, labels: np.ndarray) -> Accuracy:
        """From logits (N, classes) of both and labels (N). Raises ValueError where the shapes differ."""
        if reference.shape != answers.shape:
            raise ValueError(f"its answers have the shape {answers.shape}, expected {reference.shape}")
        plain, top1 = ((logits.argmax(1) == labels).mean() for logits in (reference, answers))
        return cls(float(plain), float(top1), len(labels))

    @property
    def drop(self) -> float:
        """Percentage points of accuracy that are lost; below 0 where it got better."""
        return 100 * (self.plain - self.top1)

    def fault(self, max_drop: float) -> str:
        """Why it is not within a budget of percentage points; "" if it is."""
        if self.drop > max_drop + 1e-9:
            return f"it loses {self.drop:.2f} points of accuracy on {self.pictures} pictures; {max_drop:g} are allowed"
        return ""

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self), "drop": self.drop}


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (N, classes)."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def compare(reference: np.ndarray, answers: np.ndarray) -> Parity:
    """Logits (N, classes) of eager float32 and of the compiled model. Raises ValueError where the shapes differ."""
    if reference.shape != answers.shape:
        raise ValueError(f"its answers have the shape {answers.shape}, expected {reference.shape}")
    if not np.isfinite(answers).all():
        return Parity(0.0, 1.0, float("inf"), len(reference))
    before, after = softmax(reference.astype(np.float64)), softmax(answers.astype(np.float64))
    best = np.sort(before, axis=1)[:, -2:] if before.shape[1] > 1 else np.array([[0.0, 1.0]] * len(before))
    decided = best[:, 1] - best[:, 0] > DECIDED
    same = before.argmax(1) == after.argmax(1)
    spread = float(reference.max() - reference.min()) or 1.0
    return Parity(
        agreement=float(same[decided].mean()) if decided.any() else 1.0,
        probability=float(np.abs(after - before).max()),
        logits=float(np.abs(answers - reference).max()) / spread,
        pictures=len(reference),
    )
