"""How well a classifier does on labelled pictures: in training's validation and in `cvp evaluate` alike."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from torchmetrics.functional.classification import multiclass_accuracy, multiclass_confusion_matrix

from .classifier import Classifier
from .data import DataSplits, ImageSet, normalise, with_validation
from .data.loading import Loader, make_loader
from .errors import ConfigError, DataError
from .machine import freed_memory_kept
from .spec import Preprocess

__all__ = ["Evaluation", "answers_of", "draw", "evaluate", "evaluate_loader", "match_classes", "pick_split"]


@dataclass(frozen=True)
class Evaluation:
    """top1, top5: shares of 1. loss: mean cross-entropy. Tensors have one entry a sample, on the CPU."""

    top1: float
    top5: float
    loss: float
    samples: int
    labels: Tensor  # int64 (N)
    predictions: Tensor  # int64 (N)
    confidences: Tensor  # float32 (N), the probability of the prediction
    classes: int

    @classmethod
    def of(cls, logits: Tensor, labels: Tensor) -> Evaluation:
        """logits: float32 (N, classes). labels: int64 (N). Both on the CPU."""
        classes = logits.shape[1]
        confidences, predictions = logits.softmax(1).max(1)
        top5 = multiclass_accuracy(logits, labels, num_classes=classes, top_k=min(5, classes), average="micro")
        return cls(
            top1=(predictions == labels).float().mean().item(),
            top5=top5.item(),
            loss=functional.cross_entropy(logits, labels).item(),
            samples=len(labels),
            labels=labels,
            predictions=predictions,
            confidences=confidences,
            classes=classes,
        )

    def confusion(self) -> Tensor:
        """Counts (classes, classes): rows are the truth, columns the prediction."""
        return multiclass_confusion_matrix(self.predictions, self.labels, num_classes=self.classes)


def evaluate_loader(
    model: Callable[[Tensor], Tensor],
    loader: Loader,
    prepare: Callable[[Tensor], Tensor],
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """How well `model` does on a loader's first epoch. `progress` is told the number of samples done.

    The model's mode is the caller's business: it should be in evaluation mode.
    """
    return Evaluation.of(*answers_of(model, loader, prepare, progress))


@torch.inference_mode()
def answers_of(
    model: Callable[[Tensor], Tensor],
    loader: Loader,
    prepare: Callable[[Tensor], Tensor],
    progress: Callable[[int], None] | None = None,
) -> tuple[Tensor, Tensor]:
    """Logits, float32 (N, classes), and labels, int64 (N), of a loader's first epoch, on the CPU."""
    all_logits, all_labels = [], []
    done = 0
    with freed_memory_kept():
        for pixels, labels in loader.epoch(0):
            all_logits.append(model(prepare(pixels)).float())
            all_labels.append(labels)
            done += len(labels)
            if progress is not None:
                progress(done)
    return torch.cat(all_logits).cpu(), torch.cat(all_labels)


def pick_split(splits: DataSplits, wanted: str, *, seed: int, val_fraction: float) -> tuple[str, ImageSet]:
    """The pictures of `wanted` (auto, train, val, test) and that split's name; auto is test, else val.

    A validation split that the data lacks is drawn with the seed and fraction of training, so that no picture
    that was trained on is counted. Raises ConfigError for another name, DataError for a split that is not there.
    """
    if wanted not in ("auto", "train", "val", "test"):
        raise ConfigError(f"split '{wanted}' is not one of auto, train, val, test")
    if wanted == "test" or (wanted == "auto" and splits.test is not None):
        if splits.test is None:
            raise DataError(f"{splits.name} has no test split; --split val takes the validation pictures")
        return "test", splits.test
    splits = with_validation(splits, val_fraction, seed)
    if wanted == "train":
        return "train", splits.train
    if splits.val is None:
        raise DataError(f"{splits.name} has too few pictures for a validation split; --split train takes all")
    return "val", splits.val


def match_classes(classes: Sequence[str], known: Sequence[str], name: str) -> np.ndarray:
    """For each of the data's classes, its index among those that the model `name` knows: int64 (classes).

    Raises DataError where the data has a class that the model was not trained on.
    """
    own = {label: index for index, label in enumerate(known)}
    unknown = [label for label in classes if label not in own]
    if unknown:
        raise DataError(
            f"the data has {len(unknown)} classes that {name} was not trained on: {', '.join(unknown[:5])}; "
            f"it knows {', '.join(known[:5])}{', …' if len(own) > 5 else ''}"
        )
    return np.array([own[label] for label in classes], dtype=np.int64)


def draw(images: ImageSet, preprocess: Preprocess, count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Up to `count` pictures in random order, always the same: float32 (N, C, H, W), normalised, and int64 labels (N).

    Raises DataError where there is none or one cannot be read.
    """
    chosen = np.random.default_rng(seed).permutation(len(images))[:count]
    if not len(chosen):
        raise DataError("the data has no pictures here")
    loader = make_loader(images.subset(chosen), preprocess, 64)
    pictures = [normalise(pixels.numpy(), preprocess) for pixels, _ in loader.epoch(0)]
    return np.ascontiguousarray(np.concatenate(pictures)), images.labels[chosen]


def evaluate(
    classifier: Classifier,
    images: ImageSet,
    classes: tuple[str, ...],
    *,
    batch_size: int = 64,
    workers: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Evaluation:
    """A classifier on `images` whose labels count in `classes`; they are matched to its own by name.

    Raises DataError where the data has a class that the classifier does not know.
    """
    mapping = match_classes(classes, classifier.classes, classifier.name)
    loader = make_loader(images, classifier.preprocess, batch_size, workers=workers)
    relabelled = _Relabelled(loader, torch.from_numpy(mapping))

    def answer(pixels: Tensor) -> Tensor:
        return torch.from_numpy(classifier.answer(pixels.numpy()))

    return evaluate_loader(answer, relabelled, lambda pixels: pixels, progress)


class _Relabelled:
    """A loader whose labels are looked up in a table."""

    def __init__(self, loader: Loader, mapping: Tensor) -> None:
        self.loader, self.mapping = loader, mapping
        self.samples = loader.samples

    def __len__(self) -> int:
        return len(self.loader)

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        for pixels, labels in self.loader.epoch(number, start):
            yield pixels, self.mapping[labels]
