"""Optimizers, and the rate and decay of each part of a network."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..errors import NotInstalledError
from ..network import ImageClassifier
from .config import TrainConfig

__all__ = ["make_optimizer", "parameter_groups", "part_rates"]


def part_rates(model: ImageClassifier, config: TrainConfig) -> dict[str, float]:
    """Each part's share of the learning rate, by its name in `model.parts`; the head's is 1.

    Layer-wise decay falls from stage to stage towards the input (ULMFiT, arXiv:1801.06146, sec. 3.2, for all epochs).
    A backbone that has learnt already goes slower than a new head.
    """
    parts = list(model.parts.named())
    is_tuned = config.weights is not None or config.freeze != "none"
    backbone = config.backbone_rate if is_tuned else 1.0
    rates = {part: backbone * config.layer_decay ** (len(parts) - 1 - place) for place, part in enumerate(parts)}
    return {**rates, "head": 1.0}


def parameter_groups(model: ImageClassifier, config: TrainConfig) -> list[dict[str, Any]]:
    """Groups for an optimizer: `rate` is a group's share of the learning rate; norms and biases are not decayed.

    All parameters are in them, also those that are frozen now: without a gradient they are passed over.
    """
    rates = part_rates(model, config)
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        decay = config.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rates[model.parts.part_of(name)], decay), []).append(parameter)
    return [{"params": params, "rate": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]


def make_optimizer(model: ImageClassifier, config: TrainConfig) -> torch.optim.Optimizer:
    """AdamW (arXiv:1711.05101), Adam, SGD with Nesterov momentum, or timm's Lion (arXiv:2302.06675)."""
    groups = parameter_groups(model, config)
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=config.learning_rate, fused=True)
    if config.optimizer == "adam":
        return torch.optim.Adam(groups, lr=config.learning_rate, fused=True)
    if config.optimizer == "lion":
        return _lion(groups, config)
    nesterov = config.momentum > 0
    return torch.optim.SGD(groups, lr=config.learning_rate, momentum=config.momentum, nesterov=nesterov, fused=True)


def _lion(groups: list[dict[str, Any]], config: TrainConfig) -> torch.optim.Optimizer:
    try:
        from timm.optim import Lion
    except ImportError as error:
        raise NotInstalledError("the optimizer lion is timm's, which is not installed: pip install timm") from error
    optimizer: torch.optim.Optimizer = Lion(groups, lr=config.learning_rate)
    return optimizer
