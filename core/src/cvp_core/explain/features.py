"""What a network has learnt to see: the filters of its first layer, and what its parts make of one picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import ConfigError
from ..network import ImageClassifier
from .cam import evaluating
from .layout import layout_of, modules_of

__all__ = ["feature_maps", "first_filters"]


def first_filters(model: ImageClassifier) -> np.ndarray:
    """float32 (filters, height, width, channels): the first convolution, or a first linear layer as pictures.

    Raises ConfigError where the first layer does not read pixels.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            return _pictures(module.weight)
        if isinstance(module, nn.Linear):
            size = model.identity.input_size if model.identity else None
            if size is not None and module.in_features == size[0] * size[1] * size[2]:
                return _pictures(module.weight.unflatten(1, size))
            break
    name = model.identity.model if model.identity else type(model).__name__
    raise ConfigError(f"{name} has no first layer of convolutions or pixels whose filters could be shown")


def _pictures(weight: Tensor) -> np.ndarray:
    return weight.detach().float().permute(0, 2, 3, 1).cpu().numpy()


def feature_maps(model: ImageClassifier, image: Tensor) -> dict[str, np.ndarray]:
    """float32 (channels, height, width) after the stem and each stage, by the names in `model.parts`.

    image: (1, C, H, W), normalised, on the model's device. Parts without a map over the picture are left out.
    Raises ConfigError where none has one. The model is left as it was.
    """
    found: dict[str, np.ndarray] = {}
    handles = []
    for part, names in model.parts.named().items():
        for module in modules_of(model, names if part != "head" else ()):

            def note(module: nn.Module, inputs: Any, output: Any, part: str = part) -> None:
                layout = layout_of(output, image)
                if layout is not None:
                    found[part] = layout.to_map(output)[0].float().cpu().numpy().copy()

            handles.append(module.register_forward_hook(note))
    try:
        with evaluating(model), torch.no_grad():
            model(image)
    finally:
        for handle in handles:
            handle.remove()
    if not found:
        name = model.identity.model if model.identity else type(model).__name__
        raise ConfigError(f"{name} has no feature map that lies over the picture; `--filters` shows its first layer")
    return {part: found[part] for part in model.parts.named() if part in found}
