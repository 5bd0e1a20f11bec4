"""How good weights are on pictures that were kept out of training, and statistics of norms estimated again."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import TYPE_CHECKING

from torch.optim.swa_utils import update_bn

from ..classifier import Classifier
from ..data import DataSplits, open_data, with_validation
from ..data.loading import Normalise, make_loader
from ..eager import EagerModel
from ..evaluate import evaluate, pick_split
from .format import load_model

if TYPE_CHECKING:
    from .average import Ingredient, State

__all__ = ["HeldOut"]

_MOST_ESTIMATED = 4096  # training pictures that norms' statistics are taken from


class HeldOut:
    """The validation pictures of a data set, and a network that takes one state after another.

    like: weights of that network; where the data has no validation pictures, they are drawn as for its training.
    data: what `open_data` takes, "" for what it was trained on. has_own: the data brings its validation pictures.
    progress: may be set to what is told how many pictures are done in all.
    Raises DataError where the data cannot be used, or has too few pictures.
    """

    def __init__(
        self,
        like: Ingredient,
        data: str = "",
        *,
        device: str = "cpu",
        batch_size: int = 64,
        workers: int = 0,
    ) -> None:
        training = like.header.training
        self.splits: DataSplits = (
            open_data(data) if data else open_data(str(training.get("data", "")), training.get("val_data"))
        )
        self.has_own = self.splits.val is not None
        seed, val_fraction = int(training.get("seed", 0)), float(training.get("val_fraction", 0.2))
        _, self.images = pick_split(self.splits, "val", seed=seed, val_fraction=val_fraction)
        self._train = with_validation(self.splits, val_fraction, seed).train
        self.model, header = load_model(like.path)
        self._network = Classifier(EagerModel(self.model, header.preprocess, device), header, like.name)
        self._normalise = Normalise(header.preprocess, device)
        self._batch_size, self._workers = batch_size, workers
        self.progress: Callable[[int], None] = _ignore
        self._done = 0

    def top1(self, state: State) -> float:
        """The share of the pictures that the network names rightly with these weights."""
        self.model.load_state_dict(state)
        result = evaluate(
            self._network,
            self.images,
            self.splits.classes,
            batch_size=self._batch_size,
            workers=self._workers,
            progress=self._tell,
        )
        self._done += result.samples
        return result.top1

    def with_norms(self, state: State) -> State:
        """These weights, the batch norms' statistics taken from up to 4,096 training pictures (arXiv:1803.05407)."""
        self.model.load_state_dict(state)
        size = min(self._batch_size, len(self._train))
        preprocess = self._network.preprocess
        loader = make_loader(self._train, preprocess, size, is_training=True, workers=self._workers)
        batches = islice(loader.epoch(0), max(1, _MOST_ESTIMATED // size))
        update_bn((self._normalise(pixels) for pixels, _ in batches), self.model)
        return {key: tensor.detach().clone() for key, tensor in self.model.state_dict().items()}

    def _tell(self, samples: int) -> None:
        self.progress(self._done + samples)


def _ignore(samples: int) -> None:
    pass
