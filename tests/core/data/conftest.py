"""Folders of small pictures, and an environment in which no test meets the user's own data or cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("CVP_DATA", raising=False)


@pytest.fixture
def pictures() -> Callable[..., Path]:
    """pictures(folder, cat=3, dog=2) writes that many PNG files to folder/cat and folder/dog."""

    def write(folder: Path, **counts: int) -> Path:
        for shade, (name, count) in enumerate(counts.items()):
            (folder / name).mkdir(parents=True, exist_ok=True)
            for index in range(count):
                Image.new("RGB", (8, 6), (40 * shade, index, 0)).save(folder / name / f"{index}.png")
        return folder

    return write
