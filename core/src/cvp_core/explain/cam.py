"""Grad-CAM (Selvaraju et al. 2017, arXiv:1610.02391): where in a picture the evidence for a class lies.

The map is captum's LayerGradCam, with the gradient's mean over all places as each channel's weight. What is ours is
where to look: captum sees every network's map as (N, C, H', W'), be it a transformer's tokens or channels last.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import ConfigError, NotInstalledError
from ..network import ImageClassifier
from .layout import layout_of, modules_of

__all__ = ["evaluating", "grad_cam"]

# Places a side of the map that is looked for: what nets for 224 pixels end with. At 64 pixels DenseNet's last map is
# 2x2 and points at a quarter of the picture; the last map of 8x8 finds the bird.
_FINE = 7


def grad_cam(model: ImageClassifier, images: Tensor, targets: Tensor) -> np.ndarray:
    """float32 (N, H, W) from 0 to 1, each picture's greatest evidence being 1, or all 0 where there is none.

    images: (N, C, H, W), normalised, on the model's device. targets: int64 (N), a class each.
    The map is taken from the last feature map, or from an earlier one where that is coarser than 7x7 or, as a
    transformer's last tokens beside the class token, has no part in the answer. The model is left as it was.
    Raises ConfigError for a network without any map, NotInstalledError where captum is missing, ValueError for a
    class that does not exist.
    """
    if int(targets.min()) < 0 or int(targets.max()) >= model.num_classes():
        raise ValueError(
            f"targets are from {targets.min()} to {targets.max()}; the classes are 0 to {model.num_classes() - 1}"
        )
    with evaluating(model):
        evidence = _evidence(model, images, targets)
    if evidence is None:
        name = model.identity.model if model.identity else type(model).__name__
        raise ConfigError(
            f"{name} has no feature map that lies over the picture, so Grad-CAM cannot say where it looks; "
            "`cvp explain --filters` shows its first layer"
        )
    maps = functional.interpolate(evidence.relu().float(), images.shape[2:], mode="bilinear")[:, 0]
    peaks = maps.amax(dim=(1, 2), keepdim=True)
    return (maps / peaks.clamp_min(torch.finfo(torch.float32).tiny)).cpu().numpy()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode within; then each module's own mode again."""
    modes = {module: module.training for module in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes.items():
            module.training = mode


class _NoMapError(Exception):
    """What a module answers lies over no places of the picture."""


def _places(model: ImageClassifier) -> Iterator[nn.Module]:
    """The modules whose output may be the map, from the last to the first."""
    yield from modules_of(model, (model.parts.features,))
    for names in (*reversed(model.parts.stages[:-1]), model.parts.stem):
        yield from reversed(modules_of(model, names))


def _evidence(model: ImageClassifier, images: Tensor, targets: Tensor) -> Tensor | None:
    """(N, 1, H', W'), before the ReLU of eq. 2, of the last fine map that has a part in the answer, else the last."""
    coarse = silent = None
    for place in _places(model):
        found = _evidence_at(place, model, images, targets, least=1 if coarse is None else _FINE)
        if found is None:
            continue
        if not found.any():
            silent = found if silent is None else silent
        elif min(found.shape[2:]) >= _FINE:
            return found
        elif coarse is None:
            coarse = found
    return silent if coarse is None else coarse


def _evidence_at(
    place: nn.Module, model: ImageClassifier, images: Tensor, targets: Tensor, least: int
) -> Tensor | None:
    """As `_evidence`, of the output of `place`; None for no map, or for fewer than `least` places a side."""
    features = model.get_submodule(model.parts.features)
    watched = nn.Identity()

    def watch(module: nn.Module, inputs: Any, output: Any) -> Tensor:
        layout = layout_of(output, images, model.parts.is_channels_last and place is features)
        if layout is None or min((maps := layout.to_map(output)).shape[2:]) < least:
            raise _NoMapError
        torch.set_grad_enabled(True)  # until the end of `answer`
        return layout.put_back(watched(maps.contiguous()), output)

    def answer(images: Tensor) -> Tensor:
        with torch.no_grad():  # nothing is recorded before the map
            return model(images)

    handle = place.register_forward_hook(watch)
    try:
        with torch.inference_mode(False):
            cam = _layer_grad_cam()(answer, watched)
            found: Tensor = cam.attribute(images.detach().clone(), targets.clone())
            return found.detach()
    except _NoMapError:
        return None
    finally:
        handle.remove()


def _layer_grad_cam() -> Any:
    try:
        return import_module("captum.attr").LayerGradCam
    except ImportError as error:
        raise NotInstalledError("Grad-CAM is computed by captum, which is not installed: pip install captum") from error
