"""Batches for training and evaluation: from arrays in memory, or decoded from files by workers.

Both loaders give uint8 pixels in (N, H, W, C) order until the batch is on its device; seen as
(N, C, H, W) that is channels_last without a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from ..errors import DataError, MachineError
from ..machine import computing_threads
from ..spec import Preprocess
from . import augment as augmentation
from .colour import Tinted
from .decode import Pictures
from .normalise import Normalise
from .order import Order
from .preprocess import resize_and_crop
from .sources import ArraySet, ImageSet
from .workers import end_workers, explained, ignore_interrupt, watch_workers, worker_context

__all__ = ["Loader", "Normalise", "PictureLoader", "make_loader"]


class Loader(Protocol):
    """An epoch's batches: uint8 pixels (N, H, W, C) and int64 labels (N).

    samples: pictures of an epoch, of all processes together in training, of this one in evaluation.
    """

    samples: int

    def __len__(self) -> int: ...

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """From batch `start` on, the batches that the whole epoch would have."""
        ...


class PictureLoader(Loader, Protocol):
    """A loader that also says which pictures its batches are of."""

    def order(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """For each batch of `epoch`, int64 indices into the set of pictures and int64 labels; nothing is decoded."""
        ...


def make_loader(
    images: ImageSet,
    preprocess: Preprocess,
    batch_size: int,
    *,
    is_training: bool = False,
    augment: str = "none",
    erasing: float = 0.0,
    seed: int = 0,
    workers: int = 0,
    sampling: str = "shuffle",
    share: tuple[int, int] = (0, 1),
    cache_gib: float = 0.0,
    pin: bool = False,
    tinted: bool = False,
) -> PictureLoader:
    """Batches of `images`: in order for evaluation; drawn by (seed, epoch) and augmented for training.

    batch_size, sampling, share: as `Order` takes them; training drops a last batch that is not full.
    augment, erasing: a preset's name, and the probability that a rectangle of a picture is erased.
    cache_gib: room for decoded pictures in the user's cache folder, as `Pictures` uses it.
    pin: batches lie in memory that a GPU can copy from by itself. Needs CUDA.
    tinted: where a preset varies colours alone, they are left to `Normalise`: batches then hold Tinted, not pixels.
    Raises what `Order` and `make_transform` raise; iterating raises DataError for a picture that cannot be read and
    MachineError for a worker that was ended.
    """
    order = Order(images.labels, batch_size, is_training=is_training, sampling=sampling, seed=seed, share=share)
    variation = _Variation(augment, preprocess, erasing, seed)
    if isinstance(images, ArraySet) and variation.transform is None:
        return _ArrayLoader(_resized(images, preprocess), order, variation, pin)
    crop_side = augmentation.smallest_crop(augment) if variation.transform else None
    samples = _Samples(Pictures(images, preprocess, crop_side, cache_gib), variation)
    return _FileLoader(samples, order, workers, pin, tinted)


class _Variation:
    """What training does to a picture; nothing by default."""

    def __init__(self, augment: str, preprocess: Preprocess, erasing: float, seed: int) -> None:
        self.transform = augmentation.make_transform(augment, preprocess)  # of one picture
        self.is_shifted = augment == "shift"
        self.erasing = erasing
        self.seed = seed

    def seeds(self, epoch: int, draws: np.ndarray) -> np.ndarray:
        return augmentation.sample_seeds(self.seed, epoch, draws)

    def of_pixels(self, pixels: Tensor, seeds: np.ndarray) -> Tensor:
        """What is done to uint8 (N, H, W, C), which is the caller's own copy."""
        if self.is_shifted:
            pixels = augmentation.shift(pixels, seeds)
        return augmentation.erase(pixels, seeds, self.erasing) if self.erasing else pixels


class _Ordered:
    """What both loaders share."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._labels = torch.from_numpy(np.asarray(order.labels, dtype=np.int64))
        self.samples = order.samples

    def __len__(self) -> int:
        return len(self._order)

    def order(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        for draws in self._order.batches(number, start):
            indices = torch.from_numpy(draws % len(self._labels))
            yield indices, self._labels[indices]


class _ArrayLoader(_Ordered):
    """Pictures that fit in memory, resized once; a batch is one gather."""

    def __init__(self, pixels: np.ndarray, order: Order, variation: _Variation, pin: bool) -> None:
        super().__init__(order)
        self._pixels = torch.tensor(pixels)
        self._variation, self._pin = variation, pin

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        for draws in self._order.batches(number, start):
            indices = torch.from_numpy(draws % len(self._labels))
            pixels = self._variation.of_pixels(self._pixels[indices], self._variation.seeds(number, draws))
            labels = self._labels[indices]
            yield (pixels.pin_memory(), labels.pin_memory()) if self._pin else (pixels, labels)


def _resized(images: ArraySet, preprocess: Preprocess) -> np.ndarray:
    """All pictures as uint8 (N, H, W, C) at the size that the model sees."""
    height, width = preprocess.size
    pixels = images.pixels if images.pixels.ndim == 4 else images.pixels[..., None]
    if pixels.shape[1:] == (height, width, preprocess.channels):
        return pixels
    result = np.empty((len(images), height, width, preprocess.channels), np.uint8)
    for index in range(len(images)):
        result[index] = resize_and_crop(images.read(index, preprocess.channels), preprocess)
    return result


class _Samples(Dataset["tuple[Tensor | Tinted, Tensor] | str"]):
    """Decodes and varies one batch; its key is (epoch, draws), so that workers need no other state.

    A picture that cannot be read gives the reason as text: an exception would lose its type on the way
    from a worker.
    """

    def __init__(self, pictures: Pictures, variation: _Variation) -> None:
        self.pictures, self.variation = pictures, variation

    def __getitem__(self, key: tuple[int, np.ndarray]) -> tuple[Tensor | Tinted, Tensor] | str:
        epoch, draws = key
        labels = self.pictures.images.labels
        indices = draws % len(labels)
        seeds = self.variation.seeds(epoch, draws)
        pictures: list[Tensor] = []
        factors: list[tuple[float, ...]] = []
        transform = self.variation.transform
        try:
            # One thread, as in a worker: what one picture needs is too little to share.
            with augmentation.own_randomness(), computing_threads(1):
                for index, seed in zip(indices.tolist(), seeds, strict=True):
                    if transform is None:
                        pixels = self.pictures.evaluated(index)
                    else:
                        pixels, tint = transform(self.pictures.whole(index), seed)
                        factors += [] if tint is None else [tint]
                    pictures.append(torch.from_numpy(pixels))
        except DataError as error:
            return str(error)
        # In a worker this writes into memory that the main process sees, without a copy on the way.
        seen = self.variation.of_pixels(default_collate(pictures), seeds)
        return Tinted(seen, torch.tensor(factors)) if factors else seen, torch.from_numpy(labels[indices])


class _FileLoader(_Ordered):
    """Pictures decoded from files, in this process or in workers that live as long as the loader."""

    def __init__(self, samples: _Samples, order: Order, workers: int, pin: bool, tinted: bool) -> None:
        super().__init__(order)
        self._tinted = tinted
        self._keys: list[tuple[int, np.ndarray]] = []
        # batch_size=None: a key is a whole batch already.
        self._loader = DataLoader(
            samples,
            batch_size=None,
            sampler=self._keys,
            num_workers=workers,
            persistent_workers=workers > 0,
            multiprocessing_context=worker_context() if workers else None,
            worker_init_fn=ignore_interrupt,
            collate_fn=_as_it_is,
            pin_memory=pin,
            generator=torch.Generator(),  # the global one would move on with every epoch that is begun
        )

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        self._keys[:] = [(number, draws) for draws in self._order.batches(number, start)]
        batches = self._asked(self._begin)
        while (batch := self._asked(lambda: next(batches, None))) is not None:
            if isinstance(batch, str):
                raise DataError(f"{batch}; mend or remove that picture")
            pixels, labels = batch
            yield (pixels.shown() if isinstance(pixels, Tinted) and not self._tinted else pixels), labels

    def _begin(self) -> Iterator[Any]:
        before = self._loader._iterator
        batches = iter(self._loader)
        watch_workers(has_new=batches is not before)
        return batches

    def _asked(self, ask: Callable[[], Any]) -> Any:
        """What DataLoader answers. Raises MachineError where a worker was lost; the next epoch then starts new ones."""
        try:
            with explained() if self._loader.num_workers else nullcontext():
                return ask()
        except MachineError:
            end_workers(self._loader)
            raise


def _as_it_is(batch: Any) -> Any:
    """DataLoader's own would make tensors of the text."""
    return batch
