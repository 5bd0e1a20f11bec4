"""A model in PyTorch as it is, from pixels to logits."""

from __future__ import annotations

import numpy as np
import torch

from .data.loading import Normalise
from .network import ImageClassifier
from .spec import Preprocess

__all__ = ["EagerModel"]


class EagerModel:
    """uint8 pixels (N, height, width, channels) to float32 logits (N, classes), on `device`."""

    def __init__(self, model: ImageClassifier, preprocess: Preprocess, device: str) -> None:
        self.device = torch.device(device)
        self.model = model.eval().to(self.device).to(memory_format=torch.channels_last)
        self.normalise = Normalise(preprocess, self.device)

    @torch.inference_mode()
    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        logits: np.ndarray = self.model(self.normalise(torch.from_numpy(pixels))).float().cpu().numpy()
        return logits
