"""What each phase of a run computes, and from what: the whole network on pictures, or its head on features."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from ..data import ImageSet
from ..data.loading import Normalise, PictureLoader, make_loader
from .features import HeadOnly, can_cache, features_of
from .freezing import Phase
from .loop import Feed
from .sharded import EvenLoader, evaluated_together, is_sharded
from .state import TrainingState

if TYPE_CHECKING:
    from .planning import Plan

__all__ = ["Feeding", "evaluation_loader", "training_loader"]


def training_loader(plan: Plan, share: tuple[int, int] = (0, 1)) -> PictureLoader:
    config = plan.config
    return make_loader(
        plan.splits.train,
        plan.preprocess,
        config.batch_size,
        is_training=True,
        augment=config.augment,
        erasing=config.erasing,
        seed=config.seed,
        workers=plan.workers,
        sampling=config.sampling,
        share=share,
        cache_gib=config.cache_gib,
        pin=plan.device != "cpu",
        tinted=True,
    )


def evaluation_loader(plan: Plan, images: ImageSet | None, share: tuple[int, int] = (0, 1)) -> PictureLoader | None:
    """None where there are no pictures."""
    if images is None or not len(images):
        return None
    return make_loader(
        images,
        plan.preprocess,
        2 * plan.config.batch_size,
        workers=plan.workers,
        share=share,
        cache_gib=plan.config.cache_gib,
        pin=plan.device != "cpu",
    )


class Feeding:
    """Makes the feed of a phase when it begins. notes: what a person should be told of it."""

    def __init__(self, fabric: Fabric, plan: Plan, train: PictureLoader, val: PictureLoader | None) -> None:
        self.fabric, self.plan, self.train, self.val = fabric, plan, train, val
        self.normalise = Normalise(plan.preprocess, fabric.device)
        self.notes: list[str] = []

    def feed(self, state: TrainingState, phase: Phase) -> Feed:
        """Of `state.model`, whose parameters are frozen already as `phase` says."""
        if can_cache(state.model, phase, self.plan.config):
            cached = self._of_features(state)
            if cached is not None:
                return cached
            self.notes.append("the features of all pictures need more than 4 GiB, so the backbone was run every time")
        model: nn.Module = state.model
        if self.plan.config.compile:
            model = torch.compile(model)  # type: ignore[assignment]
        network = self.fabric.setup_module(model)
        if is_sharded(self.fabric):
            val = None if self.val is None else EvenLoader(self.fabric, self.val, self.plan.preprocess)
            evaluated = evaluated_together(self.fabric, state.kept)
            return Feed(network, evaluated, self.train, val, self.normalise)
        return Feed(network, self._evaluated(network, state.kept), self.train, self.val, self.normalise)

    def _of_features(self, state: TrainingState) -> Feed | None:
        model = state.model.eval()

        def backbone(images: Tensor) -> Tensor:
            with self.fabric.autocast():
                return model.forward_features(images).float()

        def features(images: ImageSet | None) -> Tensor | None:
            loader = evaluation_loader(self.plan, images)
            return None if loader is None else features_of(model, backbone, loader, self.normalise)

        found = features(self.plan.splits.train)
        if found is None:
            return None
        train = FeatureLoader(found, self.train)
        val = None
        if self.val is not None:
            kept = features(self.plan.splits.val)
            if kept is None:
                return None
            val = FeatureLoader(kept, self.val)
        network = self.fabric.setup_module(HeadOnly(state.model))
        device = self.fabric.device
        return Feed(network, self._evaluated(network, HeadOnly(state.kept)), train, val, lambda batch: batch.to(device))

    def _evaluated(self, network: nn.Module, kept: nn.Module) -> Callable[[Tensor], Tensor]:
        """The network itself where it is what is kept; several processes evaluate unequal counts, without DDP."""

        def evaluate(images: Tensor) -> Tensor:
            with self.fabric.autocast():
                logits: Tensor = kept(images)
            return logits

        return network if self.plan.config.ema == 0 and self.fabric.world_size == 1 else evaluate


class FeatureLoader:
    """Batches of features (N, ...) in the order in which `loader` gives the pictures that they are of."""

    def __init__(self, features: Tensor, loader: PictureLoader) -> None:
        self.features, self.loader = features, loader
        self.samples = loader.samples

    def __len__(self) -> int:
        return len(self.loader)

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        for chosen, labels in self.loader.order(number, start):
            yield self.features[chosen], labels
