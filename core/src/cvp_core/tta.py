"""Test-time augmentation: an answer that is the mean over several views of a picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from .classifier import Classifier
from .compile.parity import softmax
from .errors import ConfigError
from .spec import Preprocess

__all__ = ["VIEWS", "describe_views", "views", "wide_preprocess", "with_views"]

# What --tta takes: how many views that is, and which.
VIEWS = {
    "flips": (2, "as it is and mirrored"),
    "crops": (10, "its four corners and its centre, as they are and mirrored"),
}

# The share that a classic evaluation leaves around the crop: 256 pixels for 224.
_MARGIN = 256 / 224


def with_views(classifier: Classifier, kind: str) -> Classifier:
    """A classifier whose probabilities are the mean over the views of each picture; `classifier` itself stays.

    kind: "flips", a picture and its mirror image; "crops", the four corners and the centre of a wider square, and
    their mirror images (Krizhevsky et al. 2012, sec. 4.1). The wider square is what the checkpoint's Preprocess scales
    a picture to before its crop, or 8/7 of the crop where it crops nothing away. It takes as many times longer as there
    are views, and no more memory. Artifacts take it too. Raises ConfigError for another kind.
    """
    if kind not in VIEWS:
        raise ConfigError(f"views '{kind}' are not one of {', '.join(VIEWS)}")
    size = classifier.preprocess.size
    seen = classifier.preprocess if kind == "flips" else wide_preprocess(classifier.preprocess)

    def answer(pixels: np.ndarray) -> np.ndarray:
        total = np.zeros((len(pixels), len(classifier.classes)))
        for view in views(pixels, size, kind):
            total += softmax(classifier.answer(np.ascontiguousarray(view)).astype(np.float64))
        # As logits: their softmax is the mean again.
        mean: np.ndarray = np.log(np.maximum(total / VIEWS[kind][0], np.finfo(np.float32).tiny)).astype(np.float32)
        return mean

    header = replace(classifier.header, preprocess=seen)
    return Classifier(answer, header, classifier.name, refused=classifier.refused)


def views(pixels: np.ndarray, size: tuple[int, int], kind: str) -> Iterator[np.ndarray]:
    """The views of pictures (N, H, W, C), one kind after another: (N, *size, C) each, not copied."""
    for crop in _crops(pixels, size) if kind == "crops" else (pixels,):
        yield crop
        yield crop[:, :, ::-1]


def wide_preprocess(preprocess: Preprocess) -> Preprocess:
    """The same without the last step: the centre of the scaled picture that the five crops are taken from."""
    height, width = preprocess.size
    if preprocess.resize is None:
        return replace(preprocess, size=(round(height * _MARGIN), round(width * _MARGIN)))
    side = preprocess.resize if preprocess.resize > max(height, width) else round(max(height, width) * _MARGIN)
    return replace(preprocess, size=(side, side), resize=side)


def describe_views(kind: str) -> str:
    """For the screen: '2 a picture (as it is and mirrored), the mean of their probabilities'."""
    count, which = VIEWS[kind]
    return f"{count} a picture ({which}), the mean of their probabilities"


def _crops(pixels: np.ndarray, size: tuple[int, int]) -> Iterator[np.ndarray]:
    height, width = size
    down, right = pixels.shape[1] - height, pixels.shape[2] - width
    for top, left in ((0, 0), (0, right), (down, 0), (down, right), (round(down / 2), round(right / 2))):
        yield pixels[:, top : top + height, left : left + width]
