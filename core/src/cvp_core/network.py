"""The one convention that every family follows: stem, stages, head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from .blocks.heads import HiddenLinear
from .spec import Parts

__all__ = ["Identity", "ImageClassifier"]


@dataclass(frozen=True)
class Identity:
    """Who built a model and for which (channels, height, width): what a weights file needs to build it again."""

    model: str
    distribution: str
    version: str
    input_size: tuple[int, int, int]

    @property
    def qualified_name(self) -> str:
        return f"{self.distribution}/{self.model}"


class ImageClassifier(nn.Module):
    """head(stages(stem(image))): from this follow freezing, features, Grad-CAM, summaries and head swaps.

    stem:   (N, channels, H, W) to the first feature map; nn.Identity where a net has none.
    stages: an nn.Sequential, one entry a stage of the paper; its length is what `--freeze stage:N` counts.
    head:   feature map to (N, classes); its attribute `classifier` is the last layer, an nn.Linear or an
            nn.Conv2d with one output channel a class.
    `parts` says the same in names, and is what all that works on parts reads: so a network of another library is
    one too, once its parts are named (cvp_core.foreign).
    Raises TypeError where a part breaks the convention.
    """

    def __init__(self, stem: nn.Module, stages: nn.Sequential, head: nn.Module) -> None:
        super().__init__()
        if not isinstance(stages, nn.Sequential):
            raise TypeError(f"stages must be an nn.Sequential, not {type(stages).__name__}")
        if not isinstance(getattr(head, "classifier", None), nn.Linear | nn.Conv2d):
            raise TypeError(f"{type(head).__name__} has no `classifier` that is an nn.Linear or nn.Conv2d")
        self.identity: Identity | None = None  # set by create_model
        self.parts = Parts(
            stem=("stem",),
            stages=tuple((f"stages.{name}",) for name, _ in stages.named_children()),
            head=("head",),
            classifiers=("head.classifier",),
            features="stages",
        )
        self.stem = stem
        self.stages = stages
        self.head = head

    def forward_features(self, image: Tensor) -> Tensor:
        """(N, channels, H, W) to the last map (N, features, H', W'), or a transformer's tokens (N, T, features)."""
        return self.stages(self.stem(image))

    def forward(self, image: Tensor) -> Tensor:
        """(N, channels, H, W) to logits (N, classes)."""
        return self.head(self.forward_features(image))

    @torch.jit.unused
    def num_classes(self) -> int:
        """Classes that the head answers."""
        layer = self.get_submodule(self.parts.classifiers[0])
        return layer.out_features if isinstance(layer, nn.Linear) else layer.out_channels  # type: ignore[return-value]

    @torch.jit.unused
    def reset_head(self, num_classes: int, kind: str = "") -> None:
        """Replaces the classifier by a freshly initialised one, on the same device and with the same dtype.

        kind: "linear", or "mlp" with a hidden layer; "" keeps what it is. Raises ValueError for another kind or count,
        and for an "mlp" in place of a convolution.
        """
        if num_classes < 1:
            raise ValueError(f"num_classes is {num_classes}; it must be at least 1")
        if kind not in ("", "linear", "mlp"):
            raise ValueError(f"kind of head is {kind!r}; allowed are linear and mlp")
        for name in self.parts.classifiers:
            parent, _, own = name.rpartition(".")
            self.get_submodule(parent).add_module(own, _fresh(self.get_submodule(name), num_classes, kind))

    @torch.jit.unused
    def head_kind(self) -> str:
        """ "mlp" where the classifier has a hidden layer, else "linear"."""
        return "mlp" if isinstance(self.get_submodule(self.parts.classifiers[0]), HiddenLinear) else "linear"

    @torch.jit.unused
    def parameters_of(self, part: str) -> dict[str, nn.Parameter]:
        """The parameters, by name, of a part: "stem", "stages.0", "stages.1", ..., "head"."""
        return {name: value for name, value in self.named_parameters() if self.parts.part_of(name) == part}


def _fresh(old: nn.Module, num_classes: int, kind: str) -> nn.Module:
    """A last layer like `old` with another count of classes."""
    if isinstance(old, nn.Linear):
        where: dict[str, Any] = {"device": old.weight.device, "dtype": old.weight.dtype}
        if (kind or ("mlp" if isinstance(old, HiddenLinear) else "linear")) == "mlp":
            return HiddenLinear(old.in_features, num_classes, **where)
        return nn.Linear(old.in_features, num_classes, bias=old.bias is not None, **where)
    if isinstance(old, nn.Conv2d):
        if kind == "mlp":
            raise ValueError("the classifier is a convolution, which takes no hidden layer; --head linear works")
        where = {"device": old.weight.device, "dtype": old.weight.dtype}
        return nn.Conv2d(old.in_channels, num_classes, old.kernel_size, bias=old.bias is not None, **where)  # type: ignore[arg-type]
    raise TypeError(f"cannot replace a classifier of type {type(old).__name__}")
