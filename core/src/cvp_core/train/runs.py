"""The run folder: what a training run leaves for a person to look at."""

from __future__ import annotations

import csv
import dataclasses
import time
from pathlib import Path

import tomli_w

from ..errors import OutputError
from ..weights.atomic import make_folder, write_atomically
from .config import TrainConfig
from .events import EpochResult

__all__ = ["RunFolder"]


class RunFolder:
    """config.toml, metrics.csv, best.safetensors and the plots of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, root: Path, title: str) -> RunFolder:
        """A new folder root/DATE_TIME_title. Raises OutputError where it cannot be made."""
        make_folder(root)
        stamp = time.strftime("%Y-%m-%d_%H-%M-%S")
        for suffix in ("", *(f"-{count}" for count in range(2, 100))):
            path = root / f"{stamp}_{title}{suffix}"
            try:
                path.mkdir()
            except FileExistsError:
                continue  # another run began in this second
            except OSError as error:
                raise OutputError(f"cannot write {path}: {error.strerror}; choose another folder") from error
            return cls(path)
        raise OutputError(f"cannot find a free name for a run in {root}")

    @property
    def best_weights(self) -> Path:
        return self.path / "best.safetensors"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    def write_config(self, config: TrainConfig) -> None:
        write_atomically(self.path / "config.toml", tomli_w.dumps(config.to_dict()).encode())

    def add_epoch(self, result: EpochResult) -> None:
        """Appends one line to metrics.csv."""
        row = dataclasses.asdict(result)
        is_new = not self.metrics.exists()
        with self.metrics.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if is_new:
                writer.writeheader()
            writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})
