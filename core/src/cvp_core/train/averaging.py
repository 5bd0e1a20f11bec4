"""The exponential moving average of a network's weights."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

__all__ = ["Average"]


class Average:
    """A network whose weights and statistics follow those of another: new = decay * old + (1 - decay) * other.

    (Polyak and Juditsky 1992; as in Inception, arXiv:1512.00567, sec. 8.) The decay grows with the updates,
    (1 + n) / (10 + n), until it is the one asked for, so that the first weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Takes in the weights of `model` after a step."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        theirs, ours = self._state(model), self._state(self.model)
        floats = [key for key, tensor in ours.items() if tensor.is_floating_point()]
        torch._foreach_lerp_([ours[key] for key in floats], [theirs[key] for key in floats], 1 - decay)
        for key in ours.keys() - set(floats):
            ours[key].copy_(theirs[key])

    def _state(self, model: nn.Module) -> dict[str, Tensor]:
        return model.state_dict()
