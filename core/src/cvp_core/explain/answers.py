"""What a model answers to pictures, with the evidence for the classes that are asked about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..catalogue import near_misses
from ..classifier import Guess
from ..compile.parity import softmax
from ..data.image import open_image
from ..data.preprocess import normalise, resize_and_crop
from ..errors import DataError, ImageError, UnknownNameError
from ..network import ImageClassifier
from ..spec import Preprocess
from ..weights.header import Header
from .cam import evaluating, grad_cam

__all__ = ["Answer", "answer", "as_seen", "open_picture"]

_BATCH = 8
_SHARP = 256  # pixels of the shorter side that a picture is shown with, about


@dataclass(frozen=True, slots=True)
class Answer:
    """The classes asked about, best first unless one was named; or the reason why a picture cannot be read.

    pixels: uint8 (height, width, channels), what the model sees, but sharper. maps: Grad-CAM, float32 (classes, H, W).
    """

    path: str
    guesses: tuple[Guess, ...] = ()
    pixels: np.ndarray | None = None
    maps: np.ndarray | None = None
    error: str | None = None


def answer(
    model: ImageClassifier, header: Header, paths: Iterable[str], *, label: str | None = None, top: int = 1
) -> Iterator[Answer]:
    """One answer a picture, in order, a batch at a time; for the class `label`, else for the `top` most probable.

    Raises UnknownNameError with near misses for a class that the model does not know, and what `grad_cam` raises.
    """
    chosen = None if label is None else _index(label, header.classes)
    source = iter(paths)
    while batch := list(islice(source, _BATCH)):
        yield from _answers(model, header, batch, chosen, min(top, len(header.classes)))


def open_picture(model: ImageClassifier, header: Header, path: str) -> tuple[np.ndarray, Tensor]:
    """A picture for people, as `as_seen` has it, and for the model: (1, C, H, W), normalised, on its device.

    Raises DataError that names it.
    """
    try:
        image = open_image(Path(path), header.preprocess.channels)
    except ImageError as error:
        raise DataError(f"{path}: {error}") from error
    return as_seen(image, header.preprocess), _tensor(model, [image], header.preprocess)


def as_seen(image: Image.Image, preprocess: Preprocess) -> np.ndarray:
    """uint8 (height, width, channels): the part of a picture that the model sees, in more pixels than it sees."""
    times = max(1, round(_SHARP / min(preprocess.size)))
    resize = None if preprocess.resize is None else preprocess.resize * times
    height, width = preprocess.size
    return resize_and_crop(image, replace(preprocess, size=(height * times, width * times), resize=resize))


def _answers(
    model: ImageClassifier, header: Header, paths: list[str], chosen: int | None, top: int
) -> Iterator[Answer]:
    read: dict[int, Image.Image] = {}
    errors: dict[int, str] = {}
    for place, path in enumerate(paths):
        try:
            read[place] = open_image(Path(path), header.preprocess.channels)
        except ImageError as error:
            errors[place] = str(error)
    explained = iter(_explain(model, header, list(read.values()), chosen, top) if read else ())
    for place, path in enumerate(paths):
        if place in errors:
            yield Answer(path, error=errors[place])
        else:
            guesses, maps = next(explained)
            yield Answer(path, guesses, as_seen(read[place], header.preprocess), maps)


def _explain(
    model: ImageClassifier, header: Header, pictures: list[Image.Image], chosen: int | None, top: int
) -> list[tuple[tuple[Guess, ...], np.ndarray]]:
    images = _tensor(model, pictures, header.preprocess)
    with evaluating(model), torch.no_grad():
        shares = softmax(model(images).float().cpu().numpy())
    if chosen is None:
        indices = np.argsort(-shares, axis=1, kind="stable")[:, :top]
    else:
        indices = np.full((len(pictures), 1), chosen)
    targets = torch.from_numpy(indices).to(images.device)
    maps = np.stack([grad_cam(model, images, column) for column in targets.unbind(1)], axis=1)
    guesses = [
        tuple(Guess(header.classes[index], float(share[index])) for index in row)
        for row, share in zip(indices, shares, strict=True)
    ]
    return list(zip(guesses, maps, strict=True))


def _tensor(model: ImageClassifier, pictures: list[Image.Image], preprocess: Preprocess) -> Tensor:
    pixels = np.stack([resize_and_crop(picture, preprocess) for picture in pictures])
    return torch.from_numpy(normalise(pixels, preprocess)).to(next(model.parameters()).device)


def _index(label: str, classes: tuple[str, ...]) -> int:
    if label in classes:
        return classes.index(label)
    folded = [name.casefold() for name in classes]
    if folded.count(label.casefold()) == 1:
        return folded.index(label.casefold())
    some = ", ".join(classes[:8]) + (f" and {len(classes) - 8} more" if len(classes) > 8 else "")
    raise UnknownNameError(f"no class '{label}'.{_near(label, classes)} The model knows {some}.")


def _near(label: str, classes: tuple[str, ...]) -> str:
    """Near misses whatever their case, as the classes are spelt."""
    return near_misses(label, classes) or near_misses(label.title(), classes)
