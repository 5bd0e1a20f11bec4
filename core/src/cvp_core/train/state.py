"""All that changes while a run trains, and how it is put into a checkpoint and taken out again."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from lightning_fabric import Fabric
from torch import Tensor

from ..errors import TrainingError
from ..network import ImageClassifier
from .averaging import Average
from .checkpoint import Snapshot, flatten
from .config import TrainConfig
from .events import EpochResult
from .optim import make_optimizer
from .processes import summed, take_first
from .schedules import Schedule
from .sharded import ShardedAverage, collected, filled, is_sharded, laid_out_like, load_whole, outline, shard, unfused

__all__ = ["Standing", "Sums", "TrainingState"]


@dataclass
class Standing:
    """Where a run stands. Seconds are those of the epoch under way, over all its sittings."""

    epoch: int = 0  # epochs that are over
    step: int = 0  # steps done of the epoch under way
    seconds: float = 0.0
    waited: float = 0.0  # of these, for data
    best: tuple[float, float] = (-1.0, 0.0)  # accuracy and loss with its sign changed, or the epoch
    since_best: int = 0  # epochs
    history: list[EpochResult] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Standing:
        history = [EpochResult(**result) for result in document["history"]]
        return cls(**{**document, "history": history, "best": tuple(document["best"])})


class Sums:
    """Loss and hits since the epoch began, kept on the device so that a step never waits for it."""

    def __init__(self, device: torch.device) -> None:
        self.loss = torch.zeros((), device=device)
        self.hits = torch.zeros((), device=device, dtype=torch.int64)
        self.samples = 0

    def add(self, loss: Tensor, logits: Tensor, labels: Tensor) -> None:
        """loss: the mean of the batch. labels: int64 (N)."""
        self.loss += loss.detach() * len(labels)
        self.hits += (logits.detach().argmax(1) == labels).sum()
        self.samples += len(labels)

    def totals(self, fabric: Fabric) -> tuple[float, int, int]:
        """Loss times samples, hits and samples of all processes; all have to ask."""
        own = torch.stack([self.loss.double(), self.hits.double(), torch.tensor(self.samples, device=self.loss.device)])
        loss, hits, samples = summed(fabric, own).tolist()
        return loss, int(hits), int(samples)

    def restore(self, totals: Sequence[float], is_first: bool) -> None:
        """What all processes had counted is the first one's from now on."""
        loss, hits, samples = totals if is_first else (0.0, 0, 0)
        self.loss.fill_(loss)
        self.hits.fill_(int(hits))
        self.samples = int(samples)

    def reset(self) -> None:
        self.loss.zero_()
        self.hits.zero_()
        self.samples = 0

    def mean_loss(self, epoch: int) -> float:
        """Raises TrainingError if it is not finite."""
        mean = self.loss.item() / max(1, self.samples)
        if not math.isfinite(mean):
            raise TrainingError(
                f"the loss became {mean} in epoch {epoch}; the best weights so far are kept. "
                "Try a tenth of the learning rate, --set clip_norm=1 or --precision float32"
            )
        return mean


class TrainingState:
    """The network, its average, the optimizer, the schedule, and where the run stands.

    model: on its device, or anywhere where fabric shares it out: then this leaves each process its part.
    steps: of an epoch.
    """

    def __init__(self, fabric: Fabric, model: ImageClassifier, config: TrainConfig, steps: int) -> None:
        self.fabric = fabric
        self.model = model
        kind = ShardedAverage if is_sharded(fabric) else Average
        self.average = kind(model, config.ema) if config.ema > 0 else None
        self._outline = outline(model) if is_sharded(fabric) else None
        if is_sharded(fabric):
            for network in dict.fromkeys((model, self.kept)):
                shard(network, fabric, by_stage=config.checkpoint_activations)
        optimizer = unfused(make_optimizer(model, config)) if is_sharded(fabric) else make_optimizer(model, config)
        self.optimizer = cast(torch.optim.Optimizer, fabric.setup_optimizers(optimizer))
        self.schedule = Schedule(config, steps)
        self.standing = Standing()
        self.sums = Sums(fabric.device)

    def set_rate(self, rate: float) -> None:
        """rate: the head's; each group takes its share of it."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group["rate"]

    @property
    def kept(self) -> ImageClassifier:
        """What is evaluated and saved."""
        return self.model if self.average is None else self.average.model  # type: ignore[return-value]

    def kept_whole(self) -> ImageClassifier:
        """`kept` in one piece; where it is shared out, in the first process alone. All have to ask."""
        if self._outline is None:
            return self.kept
        return filled(self._outline, collected(self.fabric, self.kept.state_dict()))

    def begin_evaluation(self) -> None:
        """`kept` in evaluation mode, with the first process's statistics in all. All have to ask."""
        take_first(self.fabric, self.kept.eval().buffers())

    def snapshot(self) -> Snapshot:
        """Copies of everything, so that training may go on while they are written. All processes have to ask.

        Only the first one's has tensors: it is the one that writes.
        """
        totals = self.sums.totals(self.fabric)
        moments, rest = flatten(self.optimizer.state_dict())
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in moments.items()}
        if self.average is not None:
            tensors |= {f"average.{name}": tensor for name, tensor in self.average.model.state_dict().items()}
        scaler = getattr(self.fabric.strategy.precision, "scaler", None)  # of float16 alone
        facts = {
            "standing": self.standing.to_json(),
            "schedule": self.schedule.to_json(),
            "optimizer": rest,
            "updates": self.average.updates if self.average is not None else 0,
            "sums": totals,
            "scaler": scaler.state_dict() if scaler is not None else None,
        }
        return Snapshot(collected(self.fabric, tensors), facts)

    def restore(self, snapshot: Snapshot) -> None:
        """The inverse of `snapshot`, for a run of the same settings."""
        facts = snapshot.facts
        load_whole(self.model, snapshot.below("model"))
        self._restore_optimizer(snapshot)
        self.sums.restore(facts["sums"], is_first=self.fabric.global_rank == 0)
        if self.average is not None:
            load_whole(self.average.model, snapshot.below("average"))
            self.average.updates = facts["updates"]
        scaler = getattr(self.fabric.strategy.precision, "scaler", None)
        if scaler is not None and facts["scaler"] is not None:
            scaler.load_state_dict(facts["scaler"])
        self.schedule.restore(facts["schedule"])
        self.standing = Standing.from_json(facts["standing"])

    def _restore_optimizer(self, snapshot: Snapshot) -> None:
        """Each moment gets its parameter's memory layout: fused optimizers read both side by side."""
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        state: dict[int, dict[str, Any]] = {}
        for key, value in {**snapshot.below("optimizer"), **snapshot.facts["optimizer"]}.items():
            index, _, name = key.partition(".")
            parameter = parameters[int(index)]
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                value = laid_out_like(value, parameter)
            state.setdefault(int(index), {})[name] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
