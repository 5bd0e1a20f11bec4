"""Folders of small pictures, and an environment in which no test meets the user's own data or cache."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from cvp_core.data import index


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
            for number in range(count):
                Image.new("RGB", (8, 6), (40 * shade, number, 0)).save(folder / name / f"{number}.png")
        return folder

    return write


@pytest.fixture
def indices_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kept from one picture on, where usually thousands are worth it."""
    monkeypatch.setattr(index, "_WORTH", 1)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the folders that were read from the disk, in their order."""
    found: list[str] = []
    read = index.read_folder
    monkeypatch.setattr(index, "read_folder", lambda folder: (found.append(Path(folder).name), read(folder))[1])
    return found
