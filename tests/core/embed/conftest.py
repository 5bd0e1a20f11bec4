"""A small trained network and pictures for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import cvp_core

CLASSES = ("a", "b", "c")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """A network with random weights and running statistics, for pictures of 40x40 pixels."""
    torch.manual_seed(0)
    model = cvp_core.create_model("shufflenet_v2_x0_5", num_classes=3)
    path = tmp_path / "weights" / "net.safetensors"
    cvp_core.save(path, model, classes=CLASSES, preprocess=cvp_core.Preprocess((40, 40), 48))
    return path


@pytest.fixture
def pictures(tmp_path: Path) -> list[str]:
    """Seven files of noise in different sizes."""
    generator = np.random.default_rng(0)
    paths = []
    for index in range(7):
        path = tmp_path / f"{index} 图.png"
        Image.fromarray(generator.integers(0, 256, (50 + index, 60, 3), dtype=np.uint8)).save(path)
        paths.append(str(path))
    return paths
