"""The state of a run at a step, as one file to continue from: tensors and JSON, no pickle.

It is written by a thread while training goes on with copies of its tensors, and appears whole or not at all.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from ..errors import CvpError, WeightsError
from ..weights.atomic import write_atomically

__all__ = ["Checkpointer", "Snapshot", "copied", "flatten", "read_snapshot"]

_KEY = "cvp_run"


@dataclass(frozen=True)
class Snapshot:
    """tensors: by name, on the CPU. facts: what JSON can hold."""

    tensors: Mapping[str, Tensor]
    facts: Mapping[str, Any]

    def to_bytes(self) -> bytes:
        return to_bytes(dict(self.tensors), {_KEY: json.dumps(self.facts)})

    def below(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names begin with `prefix` and a dot, without it."""
        start = len(prefix) + 1
        return {name[start:]: tensor for name, tensor in self.tensors.items() if name.startswith(f"{prefix}.")}


def read_snapshot(path: Path) -> Snapshot:
    """What `Checkpointer` wrote. Raises WeightsError for a file that is missing, damaged or something else."""
    if not path.is_file():
        raise WeightsError(f"{path.parent.parent} has no checkpoint to resume from; train again")
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[_KEY])
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118 - it is no mapping
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise WeightsError(f"{path} is damaged ({type(error).__name__}: {error}); train again") from error
    return Snapshot(tensors, facts)


class Checkpointer:
    """Writes snapshots to `path`, one at a time, the newest last.

    A fault of the disk is kept in `fault` and does not end the run: the file before stays, and the next may succeed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fault = ""
        self._thread: threading.Thread | None = None

    @property
    def is_busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def write(self, snapshot: Snapshot) -> None:
        """Begins to write; waits for the one before."""
        self.wait()
        self._thread = threading.Thread(target=self._write, args=(snapshot,), name="checkpoint", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until what was begun is on the disk."""
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _write(self, snapshot: Snapshot) -> None:
        try:
            write_atomically(self.path, snapshot.to_bytes())
            self.fault = ""
        except CvpError as error:
            self.fault = f"the last checkpoint was not written: {error}"
        except (OSError, MemoryError) as error:
            self.fault = f"the last checkpoint was not written: {type(error).__name__}: {error}"


def flatten(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """An optimizer's state_dict as its tensors, by "parameter.name", and the rest."""
    tensors, rest = {}, {}
    for index, values in state["state"].items():
        for name, value in values.items():
            key = f"{index}.{name}"
            if isinstance(value, Tensor):
                tensors[key] = value
            else:
                rest[key] = value
    return tensors, rest


def copied(tensor: Tensor) -> Tensor:
    """On the CPU, of its own, contiguous: what training does next leaves it alone."""
    return torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())
