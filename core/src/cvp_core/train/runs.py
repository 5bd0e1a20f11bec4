"""The run folder: what a training run leaves for a person to look at."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import time
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from ..errors import ConfigError, OutputError
from ..weights.atomic import make_folder, write_atomically
from .config import TrainConfig
from .events import EpochResult

if TYPE_CHECKING:
    from ..data import DataSplits

__all__ = ["RunFolder", "RunRecord", "fingerprint"]


@dataclass(frozen=True)
class RunRecord:
    """What was resolved when a run was started, beside its settings, and whether it is over.

    data: `fingerprint`. weights: the file that it publishes. folder: where it was started. processes: of the first
    start. preprocess: how pictures are prepared, as `Preprocess.to_json` has it.
    """

    data: str
    weights: str
    device: str
    precision: str
    threads: int
    folder: str
    processes: int = 1
    is_finished: bool = False
    preprocess: Mapping[str, Any] = field(default_factory=dict)


def fingerprint(splits: DataSplits) -> str:
    """Changes with the classes, and with the names, labels and order of the pictures of training and validation."""
    import numpy as np

    digest = hashlib.sha256("\0".join(splits.classes).encode())
    for images in (splits.train, splits.val):
        if images is not None:
            digest.update(np.ascontiguousarray(images.labels).tobytes())
            for index in range(0, len(images), max(1, len(images) // 1000)):
                digest.update(Path(images.name(index)).name.encode())
    return digest.hexdigest()[:16]


class RunFolder:
    """config.toml, run.json, metrics.csv, best.safetensors, the checkpoint and the plots of one run."""

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
    def config(self) -> Path:
        return self.path / "config.toml"

    @property
    def record(self) -> Path:
        return self.path / "run.json"

    @property
    def best_weights(self) -> Path:
        return self.path / "best.safetensors"

    @property
    def checkpoint(self) -> Path:
        return self.path / "checkpoints" / "last.safetensors"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    def write_config(self, config: TrainConfig) -> None:
        write_atomically(self.config, tomli_w.dumps(config.to_dict()).encode())

    def read_config(self) -> dict[str, Any]:
        """The settings. Raises ConfigError where they cannot be read."""
        try:
            return tomllib.loads(self.config.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.config} cannot be read: {error}") from error

    def write_record(self, record: RunRecord) -> None:
        text = json.dumps(dataclasses.asdict(record), indent=2, ensure_ascii=False)
        write_atomically(self.record, (text + "\n").encode())

    def read_record(self) -> RunRecord:
        """Raises ConfigError for what is no run folder."""
        try:
            return RunRecord(**json.loads(self.record.read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise ConfigError(f"{self.path} is no run folder: it has no run.json; `cvp runs list` shows all") from None
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(f"{self.record} cannot be read: {error}") from error

    def write_metrics(self, history: Sequence[EpochResult]) -> None:
        """metrics.csv of these epochs alone: what came after the checkpoint is trained again."""
        self.metrics.unlink(missing_ok=True)
        for result in history:
            self.add_epoch(result)

    def add_epoch(self, result: EpochResult) -> None:
        """Appends one line to metrics.csv."""
        row = dataclasses.asdict(result)
        is_new = not self.metrics.exists()
        with self.metrics.open("a", newline="") as file:
            writer = csv.DictWriter(file, row)
            if is_new:
                writer.writeheader()
            writer.writerow({key: f"{value:.6g}" if isinstance(value, float) else value for key, value in row.items()})
