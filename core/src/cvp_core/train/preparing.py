"""How a run prepares pictures: as its weights expect them, else as the data set or the model has them."""

from __future__ import annotations

from ..data import DataSplits
from ..errors import ConfigError
from ..spec import IMAGENET_MEAN, IMAGENET_STD, ModelSpec, Preprocess
from .config import TrainConfig

__all__ = ["PREPARED_BY_WEIGHTS", "departures", "preprocess_of"]

_CROP = 0.875  # ImageNet's usual centre: 224 of 256

# What a data set's recipe says of these is for networks without weights.
PREPARED_BY_WEIGHTS = ("image_size", "mean", "std", "crop")


def preprocess_of(config: TrainConfig, spec: ModelSpec, splits: DataSplits, trained: Preprocess | None) -> Preprocess:
    """What validation and later prediction do to a picture.

    trained: that of the weights which the run starts from, and which know their size, interpolation and statistics.
    Without weights pictures that share a size keep it, others get the model's.
    Raises ConfigError for statistics of another channel count.
    """
    channels = trained.channels if trained else splits.image_size[0] if splits.image_size else 3
    base = trained or spec.preprocess
    if config.image_size is not None:
        size = (config.image_size, config.image_size)
    elif splits.image_size is not None and trained is None:
        height, width = splits.image_size[1:]
        size = (max(height, spec.min_size), max(width, spec.min_size))
    else:
        size = base.size
    if config.mean is not None and config.std is not None:
        mean, std = config.mean, config.std
    elif trained is not None:
        mean, std = trained.mean, trained.std
    elif channels == 3:
        mean, std = IMAGENET_MEAN, IMAGENET_STD
    else:
        mean, std = (0.5,) * channels, (0.5,) * channels
    if len(mean) != channels:
        raise ConfigError(f"mean has {len(mean)} values, the pictures of {splits.name} have {channels} channels")
    return Preprocess(size, _resize(config, splits, size, trained), base.interpolation, mean, std)


def departures(preprocess: Preprocess, splits: DataSplits, trained: Preprocess | None) -> list[str]:
    """What a person should know where pictures and weights do not match, a sentence each."""
    if trained is None:
        return []
    told = []
    if preprocess.size != trained.size:
        told.append(f"the weights were trained at {_pixels(trained.size)}, this run shows {_pixels(preprocess.size)}")
    if (preprocess.mean, preprocess.std) != (trained.mean, trained.std):
        told.append("mean and std are others than those that the weights were trained with")
    if splits.image_size is not None:
        height, width = splits.image_size[1:]
        if (height, width) != preprocess.size:
            told.append(f"pictures of {_pixels((height, width))} are scaled to {_pixels(preprocess.size)}")
        if splits.image_size[0] != preprocess.channels:
            kinds = {1: "grey", 3: "RGB"}
            told.append(f"{kinds[splits.image_size[0]]} pictures are shown as {kinds[preprocess.channels]}")
    return told


def _resize(config: TrainConfig, splits: DataSplits, size: tuple[int, int], trained: Preprocess | None) -> int | None:
    """Pictures that share a size are scaled as they are, without a crop."""
    if splits.image_size is not None:
        return None
    if config.crop is not None or trained is None:
        return round(max(size) / (config.crop or _CROP))
    return trained.fitted((trained.channels, *size)).resize


def _pixels(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
