"""A trained classifier: pictures in, named probabilities out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image

from .compile.artifact import is_artifact, open_artifact, verified_weights
from .compile.parity import softmax
from .data.image import open_image
from .data.preprocess import normalise, resize_and_crop
from .errors import ConfigError, CvpError, ImageError
from .weights.header import Header
from .weights.store import find_trained

__all__ = ["Classifier", "Guess", "Prediction", "load"]

Picture = str | Path | bytes | Image.Image | np.ndarray


@dataclass(frozen=True, slots=True)
class Guess:
    """A class and its probability, a share of 1."""

    label: str
    probability: float


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer to one picture, best guess first; or why there is none."""

    path: str
    guesses: tuple[Guess, ...] = field(default=())
    error: str | None = None

    def to_json(self) -> dict[str, object]:
        guesses = [{"label": guess.label, "probability": guess.probability} for guess in self.guesses]
        return {"path": self.path, "predictions": guesses, "error": self.error}


class Classifier:
    """A model behind its class names and preprocessing; made by `load`.

    answer: uint8 pixels (N, height, width, channels) of preprocess.size to float32 logits (N, classes). refused: why
    an artifact's plain model answers instead of it; else "".
    """

    def __init__(
        self, answer: Callable[[np.ndarray], np.ndarray], header: Header, name: str, *, refused: str = ""
    ) -> None:
        self.answer = answer
        self.name = name
        self.refused = refused
        self.header = header
        self.classes = header.classes
        self.preprocess = header.preprocess

    def predict(self, images: Picture | Iterable[Picture], *, top_k: int = 5, batch_size: int = 16) -> list[Prediction]:
        """One Prediction a picture, in order. A picture that cannot be read has its reason in `error`.

        images: paths, encoded bytes, PIL pictures or uint8 arrays (H, W), (H, W, 3); or one of them.
        """
        if isinstance(images, str | Path | bytes | Image.Image | np.ndarray):
            images = [images]
        return list(self.stream(images, top_k=top_k, batch_size=batch_size))

    def stream(self, images: Iterable[Picture], *, top_k: int = 5, batch_size: int = 16) -> Iterator[Prediction]:
        """Like `predict`, but lazily, a batch at a time."""
        if top_k < 1 or batch_size < 1:
            raise ConfigError(f"top_k is {top_k} and batch_size {batch_size}; both must be at least 1")
        source = iter(images)
        while batch := list(islice(source, batch_size)):
            yield from self._answer(batch, min(top_k, len(self.classes)))

    def _answer(self, batch: Sequence[Picture], top_k: int) -> list[Prediction]:
        pixels: list[np.ndarray] = []
        errors: list[str | None] = []
        for picture in batch:
            try:
                pixels.append(self._read(picture))
                errors.append(None)
            except ImageError as error:
                errors.append(str(error))
        answers: Iterator[tuple[list[float], list[int]]] = iter(())
        if pixels:
            probabilities = softmax(self.answer(np.stack(pixels)))
            indices = np.argsort(-probabilities, axis=1, kind="stable")[:, :top_k]
            values = np.take_along_axis(probabilities, indices, axis=1)
            answers = zip(values.tolist(), indices.tolist(), strict=True)
        return [
            self._prediction(picture, error, None if error is not None else next(answers))
            for picture, error in zip(batch, errors, strict=True)
        ]

    def _read(self, picture: Picture) -> np.ndarray:
        if isinstance(picture, np.ndarray):
            what = f"an array of {picture.dtype} {picture.shape}"
            try:
                picture = Image.fromarray(picture)
            except (TypeError, ValueError) as error:
                raise ImageError(f"{what} is not a picture; expected uint8 (H, W) or (H, W, 3)") from error
        return resize_and_crop(open_image(picture, self.preprocess.channels), self.preprocess)

    def _prediction(
        self, picture: Picture, error: str | None, answer: tuple[list[float], list[int]] | None
    ) -> Prediction:
        path = str(picture) if isinstance(picture, str | Path) else ""
        if answer is None:
            return Prediction(path, error=error)
        guesses = tuple(Guess(self.classes[index], value) for value, index in zip(*answer, strict=True))
        return Prediction(path, guesses)


def load(
    path: str | Path,
    *,
    device: str = "cpu",
    weights_dir: str | Path | None = None,
    trust: bool = False,
    fallback: bool = False,
) -> Classifier:
    """The classifier in a weights file or an artifact of `cvp compile`, or in the weight store under that name.

    path: also MODEL.WEIGHTS for published weights, or a model's name for its best, which are pulled the first time.
    trust: also run an artifact's code that this user's cvp did not write. fallback: where an artifact is refused, run
    the plain model that it holds, and say in `refused` why. An artifact runs on the device that it was compiled for.
    Raises WeightsError for a file that is damaged, foreign or does not fit, NotInstalledError with the pip
    command for one whose plugin or library is missing, MachineError for an artifact that its library does not load.
    """
    file = find_trained(path, weights_dir)
    if not is_artifact(file):
        return _plain(file, file.name.removesuffix(".safetensors"), device)
    name = file.name.removesuffix(".cvp")
    try:
        run, manifest = open_artifact(file, trust=trust)
    except CvpError as error:
        if not fallback:
            raise
        return _plain(verified_weights(file), name, device, refused=str(error))
    header = manifest.header
    return Classifier(lambda pixels: run(normalise(pixels, header.preprocess)), header, name)


def _plain(file: Path, name: str, device: str, *, refused: str = "") -> Classifier:
    from .eager import EagerModel
    from .machine import pick_device
    from .weights.format import load_model

    model, header = load_model(file)
    return Classifier(EagerModel(model, header.preprocess, pick_device(device)), header, name, refused=refused)
