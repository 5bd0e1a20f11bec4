"""Features of pictures: what a network's last layer weighs, in memory for the numbers alone, however many files."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor, nn

from ..compile.artifact import WEIGHTS, is_artifact
from ..data.preprocess import resize_and_crop
from ..data.sources import FileSet, ImageSet
from ..digest import file_digest
from ..eager import EagerModel
from ..errors import DataError, ImageError, WeightsError
from ..machine import available_cpus, pick_device
from ..network import ImageClassifier
from ..spec import Preprocess
from ..weights.format import load_model
from ..weights.header import Header
from ..weights.store import SUFFIX, find_trained
from .table import Source

__all__ = ["Embedded", "Embedder", "embed", "open_embedder"]

_MOST_READERS = 4


class Embedder:
    """uint8 pixels (N, height, width, channels) of preprocess.size to float32 features (N, width).

    They are the inputs of the last layer: of a linear one, features @ weight.T + bias are the logits. Where it stands
    before the pooling, as SqueezeNet's convolution does, they are the means over all places; an "mlp" classifier's
    hidden layer counts as part of it; of two classifiers, as distilled nets have them, the first is looked at.
    """

    def __init__(self, model: ImageClassifier, header: Header, source: Source, device: str = "cpu") -> None:
        self.header, self.source = header, source
        self.preprocess = header.preprocess
        self._run = EagerModel(model, header.preprocess, device)
        layer = model.get_submodule(model.parts.classifiers[0])
        self.width = int(layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels)  # type: ignore[arg-type]
        self._features: Tensor | None = None
        layer.register_forward_pre_hook(self._keep)

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        self._run(pixels)
        assert self._features is not None  # the network's answer comes from its last layer
        features: np.ndarray = self._features.float().cpu().numpy()
        self._features = None
        return features

    def _keep(self, layer: nn.Module, inputs: tuple[Any, ...]) -> None:
        values: Tensor = inputs[0]
        if isinstance(layer, nn.Conv2d):
            values = values.flatten(2).mean(2)
        elif values.dim() > 2:
            values = values.flatten(1, -2).mean(1)
        self._features = values


def open_embedder(checkpoint: str | Path, *, device: str = "cpu", weights_dir: str | Path | None = None) -> Embedder:
    """The network of a weights file, by path or name. Raises WeightsError for an artifact, and what `load` raises."""
    file = find_trained(checkpoint, weights_dir)
    if is_artifact(file):
        raise WeightsError(
            f"{file} is an artifact, whose compiled network shows its answers alone; "
            f"give the weights that it was made from: {file / WEIGHTS}"
        )
    model, header = load_model(file)
    source = Source(
        checkpoint=str(file.resolve()),
        name=file.name.removesuffix(SUFFIX),
        digest=file_digest(file),
        model=f"{header.distribution}/{header.model}",
        preprocess=header.preprocess,
    )
    return Embedder(model, header, source, pick_device(device))


@dataclass(frozen=True)
class Embedded:
    """What could be read of some pictures. names: their paths, or what their set calls them.

    features: float32 (N, width). labels: int64 (N). pictures: the set and the index in it of each.
    unreadable: the name of each other picture, and why.
    """

    features: np.ndarray
    names: tuple[str, ...]
    labels: np.ndarray
    pictures: tuple[tuple[ImageSet, int], ...]
    unreadable: tuple[tuple[str, str], ...]

    def read(self, row: int) -> Image.Image:
        """The picture of a row. Raises DataError that names it."""
        images, index = self.pictures[row]
        return images.read(index)


def embed(
    embedder: Embedder,
    sets: Sequence[ImageSet],
    *,
    batch_size: int = 32,
    progress: Callable[[int], None] | None = None,
) -> Embedded:
    """The features of all pictures of `sets`, in order; those that cannot be read are left out and told.

    progress: called with the number of pictures done. A few batches of pixels are held at a time.
    """
    features = np.empty((sum(map(len, sets)), embedder.width), np.float32)
    kept: list[tuple[ImageSet, int]] = []
    unreadable: list[tuple[str, str]] = []
    reading = _read_ahead(sets, embedder.preprocess, 2 * batch_size)
    done = 0
    while batch := list(islice(reading, batch_size)):
        pixels = []
        for images, index, future in batch:
            try:
                pixels.append(future.result())
                kept.append((images, index))
            except DataError as error:
                reason = error.__cause__ if isinstance(error.__cause__, ImageError) else error
                unreadable.append((_name(images, index), str(reason)))
        if pixels:
            features[len(kept) - len(pixels) : len(kept)] = embedder(np.stack(pixels))
        done += len(batch)
        if progress is not None:
            progress(done)
    return Embedded(
        features=features[: len(kept)],
        names=tuple(_name(images, index) for images, index in kept),
        labels=np.array([images.labels[index] for images, index in kept], dtype=np.int64),
        pictures=tuple(kept),
        unreadable=tuple(unreadable),
    )


def _read_ahead(
    sets: Sequence[ImageSet], preprocess: Preprocess, ahead: int
) -> Iterator[tuple[ImageSet, int, Future[np.ndarray]]]:
    """Pictures in order, `ahead` of them being read in threads; decoding frees Python's lock."""
    with ThreadPoolExecutor(min(_MOST_READERS, available_cpus())) as pool:
        waiting: deque[tuple[ImageSet, int, Future[np.ndarray]]] = deque()
        for images in sets:
            for index in range(len(images)):
                waiting.append((images, index, pool.submit(_pixels, images, index, preprocess)))
                if len(waiting) > ahead:
                    yield waiting.popleft()
        yield from waiting


def _pixels(images: ImageSet, index: int, preprocess: Preprocess) -> np.ndarray:
    return resize_and_crop(images.read(index, preprocess.channels), preprocess)


def _name(images: ImageSet, index: int) -> str:
    return images.path(index) if isinstance(images, FileSet) else images.name(index)
