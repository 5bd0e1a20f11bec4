"""Another library's network as an ImageClassifier: nothing is rebuilt, its parts are only named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..network import ImageClassifier
from ..spec import Parts

__all__ = ["ForeignClassifier", "convert"]


class ForeignClassifier(ImageClassifier):
    """A network that maps (N, channels, H, W) to logits (N, classes), with its parts named.

    parts: a `Parts`, or its fields, with names as the network itself has them. The network is the submodule `net`,
    so its own keys follow `net.`. Raises ValueError for a part that the network does not have.
    """

    def __init__(self, net: nn.Module, parts: Parts | Mapping[str, Any]) -> None:
        nn.Module.__init__(self)
        self.identity = None
        self.net = net
        self.parts = _below_net(parts if isinstance(parts, Parts) else Parts(**parts))
        names = {name for name, _ in (*self.named_modules(), *self.named_parameters())}
        named = [*(name for names in self.parts.named().values() for name in names), self.parts.features]
        absent = sorted({*named, *self.parts.classifiers} - names)
        if absent:
            raise ValueError(f"{type(net).__name__} has no {absent[0].removeprefix('net.')!r}")

    def forward(self, image: Tensor) -> Tensor:
        """(N, channels, H, W) to logits (N, classes)."""
        return self.net(image)

    @torch.jit.unused
    def forward_features(self, image: Tensor) -> Tensor:
        """(N, channels, H, W) to the last map (N, features, H', W'), or a transformer's tokens (N, T, features)."""
        kept: list[Tensor] = []
        watch = self.get_submodule(self.parts.features)
        handle = watch.register_forward_hook(lambda module, inputs, output: kept.append(output))
        try:
            self.net(image)
        finally:
            handle.remove()
        features = kept[-1]
        return features.permute(0, 3, 1, 2) if self.parts.is_channels_last else features


def convert(state_dict: Mapping[str, Tensor], source: str) -> dict[str, Tensor]:
    """The library's own state dict with our keys."""
    return {f"net.{key}": tensor for key, tensor in state_dict.items()}


def _below_net(parts: Parts) -> Parts:
    def below(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"net.{name}" if name else "net" for name in names)

    return Parts(
        stem=below(parts.stem),
        stages=tuple(below(stage) for stage in parts.stages),
        head=below(parts.head),
        classifiers=below(parts.classifiers),
        features=f"net.{parts.features}",
        is_channels_last=parts.is_channels_last,
    )
