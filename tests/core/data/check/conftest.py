"""Pictures with something on them: a solid one looks like no other and like all."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photo() -> Callable[..., Image.Image]:
    """photo(seed, size=(96, 72)): smooth blots of colour, others for another seed."""

    def paint(seed: int, size: tuple[int, int] = (96, 72)) -> Image.Image:
        blots = np.random.default_rng(seed).integers(0, 256, (7, 9, 3), dtype=np.uint8)
        return Image.fromarray(blots).resize(size, Image.Resampling.BICUBIC)

    return paint


@pytest.fixture
def photos(photo: Callable[..., Image.Image]) -> Callable[..., Path]:
    """photos(folder, {"train/cat/0.png": 1}) writes each path's picture by its seed, or the bytes that are given."""

    def write(folder: Path, contents: dict[str, int | bytes]) -> Path:
        for name, content in contents.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(content, int):
                file = io.BytesIO()
                photo(content).save(file, "PNG")
                content = file.getvalue()
            path.write_bytes(content)
        return folder

    return write
