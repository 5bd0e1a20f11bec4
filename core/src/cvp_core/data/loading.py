"""Batches for training and evaluation: from arrays in memory, or decoded from files by workers.

Both loaders give uint8 pixels in (N, H, W, C) order until the batch is on its device; seen as
(N, C, H, W) that is channels_last without a copy.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ..errors import ConfigError, DataError
from ..spec import Preprocess
from . import augment as augmentation
from .preprocess import resize_and_crop
from .sources import ArraySet, ImageSet

__all__ = ["Loader", "Normalise", "make_loader"]


class Loader(Protocol):
    """An epoch's batches: uint8 pixels (N, H, W, C) and int64 labels (N)."""

    samples: int

    def __len__(self) -> int: ...
    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]: ...


class Normalise:
    """uint8 (N, H, W, C) on any device to normalised float32 (N, C, H, W) there, as preprocess.normalise does."""

    def __init__(self, preprocess: Preprocess, device: torch.device | str) -> None:
        self.device = torch.device(device)
        self.offset = 255 * torch.tensor(preprocess.mean, device=self.device).view(1, -1, 1, 1)
        self.scale = 255 * torch.tensor(preprocess.std, device=self.device).view(1, -1, 1, 1)

    def __call__(self, pixels: Tensor) -> Tensor:
        image = pixels.to(self.device, non_blocking=True).permute(0, 3, 1, 2)
        return image.to(torch.float32).sub_(self.offset).div_(self.scale)


def make_loader(
    images: ImageSet,
    preprocess: Preprocess,
    batch_size: int,
    *,
    is_training: bool = False,
    augment: str = "none",
    seed: int = 0,
    workers: int = 0,
) -> Loader:
    """Batches of `images`: in order for evaluation; shuffled by (seed, epoch) and augmented for training.

    Training drops a last batch that is not full. Raises ConfigError for an unknown augmentation.
    """
    if augment not in augmentation.AUGMENTATIONS:
        raise ConfigError(f"augment '{augment}' is not one of {', '.join(augmentation.AUGMENTATIONS)}")
    if isinstance(images, ArraySet) and augment != "light":
        return _ArrayLoader(images, preprocess, batch_size, is_training, augment, seed)
    return _FileLoader(images, preprocess, batch_size, is_training, augment, seed, workers)


def _batches(samples: int, batch_size: int, is_training: bool) -> int:
    return samples // batch_size if is_training else -(-samples // batch_size)


def _order(count: int, is_training: bool, seed: int, epoch: int) -> np.ndarray:
    if not is_training:
        return np.arange(count)
    return np.random.default_rng((seed, epoch)).permutation(count)


class _ArrayLoader:
    """Pictures that fit in memory, resized once; a batch is one gather."""

    def __init__(
        self,
        images: ArraySet,
        preprocess: Preprocess,
        batch_size: int,
        is_training: bool,
        augment: str,
        seed: int,
    ) -> None:
        self.pixels = torch.tensor(_resized(images, preprocess))
        self.labels = torch.from_numpy(np.asarray(images.labels, dtype=np.int64))
        self.samples = len(images)
        self.batch_size = min(batch_size, self.samples)
        self.is_training = is_training
        self.augment = augment
        self.seed = seed

    def __len__(self) -> int:
        return _batches(self.samples, self.batch_size, self.is_training)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        order = _order(self.samples, self.is_training, self.seed, number)
        for step in range(len(self)):
            chosen = order[step * self.batch_size : (step + 1) * self.batch_size]
            indices = torch.from_numpy(chosen)
            pixels = self.pixels[indices]
            if self.augment == "shift":
                pixels = augmentation.shift(pixels, augmentation.sample_seeds(self.seed, number, chosen))
            yield pixels, self.labels[indices]


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


class _Samples(Dataset["tuple[Tensor, int] | str"]):
    """Decodes one picture; the key is (epoch, index), so that workers need no other state.

    A picture that cannot be read gives the reason as text: an exception would lose its type on the way
    from a worker.
    """

    def __init__(self, images: ImageSet, preprocess: Preprocess, augment: str, seed: int) -> None:
        self.images = images
        self.preprocess = preprocess
        self.transform = augmentation.light(preprocess) if augment == "light" else None
        self.augment = augment
        self.seed = seed

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int] | str:
        epoch, index = key
        try:
            image = self.images.read(index, self.preprocess.channels)
        except DataError as error:
            return str(error)
        if self.transform is not None:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(self._seeds(epoch, index)[0] >> np.uint64(1)))
                image = self.transform(image)
            pixels = torch.from_numpy(np.array(image, np.uint8).reshape(*self.preprocess.size, -1))
        else:
            pixels = torch.from_numpy(resize_and_crop(image, self.preprocess))
            if self.augment == "shift":
                pixels = augmentation.shift(pixels[None], self._seeds(epoch, index))[0]
        return pixels, int(self.images.labels[index])

    def _seeds(self, epoch: int, index: int) -> np.ndarray:
        return augmentation.sample_seeds(self.seed, epoch, np.array([index]))


class _FileLoader:
    """Pictures decoded from files, in this process or in workers that live as long as the loader."""

    def __init__(
        self,
        images: ImageSet,
        preprocess: Preprocess,
        batch_size: int,
        is_training: bool,
        augment: str,
        seed: int,
        workers: int,
    ) -> None:
        self.samples = len(images)
        self.batch_size = min(batch_size, self.samples)
        self.is_training = is_training
        self.seed = seed
        self._batches: list[list[tuple[int, int]]] = []
        self._loader = DataLoader(
            _Samples(images, preprocess, augment, seed),
            batch_sampler=self._batches,
            num_workers=workers,
            persistent_workers=workers > 0,
            worker_init_fn=_ignore_interrupt,
            collate_fn=_collate,
        )

    def __len__(self) -> int:
        return _batches(self.samples, self.batch_size, self.is_training)

    def epoch(self, number: int) -> Iterator[tuple[Tensor, Tensor]]:
        order = [(number, int(index)) for index in _order(self.samples, self.is_training, self.seed, number)]
        self._batches[:] = [order[step * self.batch_size : (step + 1) * self.batch_size] for step in range(len(self))]
        for batch in self._loader:
            if isinstance(batch, str):
                raise DataError(f"{batch}; mend or remove that picture")
            yield batch


def _collate(samples: list[tuple[Tensor, int] | str]) -> tuple[Tensor, Tensor] | str:
    good: list[tuple[Tensor, int]] = []
    for sample in samples:
        if isinstance(sample, str):
            return sample
        good.append(sample)
    return torch.stack([pixels for pixels, _ in good]), torch.tensor([label for _, label in good])


def _ignore_interrupt(_: int) -> None:
    """Ctrl-C is the main process's to handle; a worker ends with it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
