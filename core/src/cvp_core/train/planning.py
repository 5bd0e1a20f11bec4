"""What a training run will do, resolved before anything is computed."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..building import create_model
from ..data import DataSplits, open_data, with_validation
from ..data.check.gate import warnings_of
from ..errors import ConfigError, CvpError, DataError
from ..machine import available_cpus, pick_device, pick_precision, pick_threads
from ..registry import Claim, find_model
from ..spec import ModelSpec, Preprocess
from ..weights.atomic import make_folder
from ..weights.format import weights_for
from ..weights.header import read_header
from ..weights.pretrained import PRETRAINED, Published
from ..weights.store import SUFFIX, weights_dir
from .checkpoint import Snapshot, read_snapshot
from .config import TrainConfig, resolve_config
from .freezing import frozen_parts
from .preparing import PREPARED_BY_WEIGHTS, departures, preprocess_of
from .runs import RunFolder, fingerprint

if TYPE_CHECKING:
    from ..network import ImageClassifier

__all__ = ["Plan", "plan", "plan_to_resume"]


@dataclass(frozen=True)
class Plan:
    """Everything that a run has resolved before it computes anything."""

    config: TrainConfig  # as given, under defaults and the data set's recipe
    claim: Claim[ModelSpec]
    splits: DataSplits
    has_drawn_split: bool  # the validation pictures were taken out of the training pictures
    preprocess: Preprocess
    device: str
    precision: str
    threads: int
    workers: int
    model: ImageClassifier
    parameters: int
    weights: Path  # what the run will write
    runs_dir: Path
    run: RunFolder | None = None  # that is continued
    snapshot: Snapshot | None = None  # from which; None begins anew

    @property
    def input_size(self) -> tuple[int, int, int]:
        return (self.preprocess.channels, *self.preprocess.size)

    @property
    def title(self) -> str:
        return self.weights.name.removesuffix(SUFFIX)


def plan(
    given: dict[str, Any],
    *,
    runs_dir: str | Path = "runs",
    store: str | Path | None = None,
    name: str | None = None,
) -> Plan:
    """Resolves settings, data, model, device and output places, and builds the model.

    given: TrainConfig's fields, None for what was not given. name: of the weights file, else MODEL-DATA.
    Raises CvpError subclasses; nothing is written but the two output folders.
    """
    # What was typed wrongly is told before data is opened, which may paint or download it.
    config = resolve_config(given)
    claim = find_model(config.model)
    pick_device(config.device)
    splits = open_data(config.data, config.val_data)
    left_out = PREPARED_BY_WEIGHTS if config.weights is not None else ()
    recipe = {key: value for key, value in splits.recipe.items() if key not in left_out}
    config = replace(resolve_config(given, recipe), model=claim.spec.name)
    resolved = _resolve(config, claim, splits, config.weights)
    title = _file_name(name or f"{claim.spec.name}-{splits.name}")
    return Plan(
        **resolved,
        weights=make_folder(weights_dir(store)) / f"{title}{SUFFIX}",
        runs_dir=make_folder(Path(runs_dir).expanduser()),
    )


def plan_to_resume(folder: str | Path, workers: int | None = None) -> Plan:
    """The plan of a run that was stopped, with all that was resolved then: its last bits depend on it.

    Raises ConfigError for a run that is over, DataError where the data has changed since, WeightsError for a
    checkpoint that cannot be read.
    """
    run = RunFolder(Path(folder).expanduser())
    record = run.read_record()
    if record.is_finished:
        raise ConfigError(f"{run.path} is finished; to train further start from it: --weights {record.weights}")
    settings = run.read_config() | {"device": record.device, "precision": record.precision}
    settings |= {"threads": record.threads} | ({"workers": workers} if workers is not None else {})
    config = resolve_config(settings)
    claim = find_model(config.model)
    try:
        splits = open_data(config.data, config.val_data)
    except CvpError as error:
        raise DataError(f"{error} (the run was started in {record.folder}; resume it from there)") from error
    snapshot = read_snapshot(run.checkpoint) if run.checkpoint.is_file() else None
    preprocess = Preprocess.from_json(record.preprocess) if record.preprocess else None
    resolved = _resolve(config, claim, splits, config.weights if snapshot is None else None, preprocess)
    if fingerprint(resolved["splits"]) != record.data:
        raise DataError(
            f"the pictures or labels of {splits.name} are not those that {run.path} was started with; train anew"
        )
    weights = Path(record.weights)
    make_folder(weights.parent)
    return Plan(**resolved, weights=weights, runs_dir=run.path.parent, run=run, snapshot=snapshot)


def _resolve(
    config: TrainConfig,
    claim: Claim[ModelSpec],
    splits: DataSplits,
    weights: str | None,
    preprocess: Preprocess | None = None,
) -> dict[str, Any]:
    """What a new plan and one to resume have in common, by the names of Plan. preprocess: where it is known already."""
    device = pick_device(config.device)
    has_drawn_split = splits.val is None
    splits = with_validation(splits, config.val_fraction, config.seed)
    splits = replace(splits, notes=(*splits.notes, *warnings_of(splits)))
    if len(splits.train) < 2:
        raise DataError(f"{splits.name} has {len(splits.train)} training picture(s); at least 2 are needed")
    _check_labels(splits)
    source = None if weights is None else weights_for(claim, weights)
    if preprocess is None:
        trained = None if source is None else read_header(source).preprocess
        preprocess = preprocess_of(config, claim.spec, splits, trained)
        splits = replace(splits, notes=(*splits.notes, *departures(preprocess, splits, trained)))
    torch.manual_seed(config.seed)
    model = create_model(
        f"{claim.plugin.distribution}/{claim.spec.name}",
        num_classes=len(splits.classes),
        in_channels=preprocess.channels,
        image_size=preprocess.size,
        weights=source,
    )
    if config.head != model.head_kind() and (config.head == "mlp" or weights is None):
        try:
            model.reset_head(len(splits.classes), config.head)
        except ValueError as error:
            raise ConfigError(f"{claim.spec.name}: {error}") from error
    config = replace(config, head=model.head_kind())  # with weights it is theirs
    if source is not None and weights == PRETRAINED:
        config = replace(config, weights=Published(claim, claim.spec.weights[0]).name)
    frozen_parts(model, config.freeze)  # says at once where there is no such stage
    if config.strategy == "fsdp":
        from .sharded import check_shareable

        check_shareable(model, config)
    area = preprocess.size[0] * preprocess.size[1] / (claim.spec.input_size[1] * claim.spec.input_size[2])
    return {
        "config": config,
        "claim": claim,
        "splits": splits,
        "has_drawn_split": has_drawn_split and splits.val is not None,
        "preprocess": preprocess,
        "device": device,
        "precision": pick_precision(config.precision, device, int(claim.spec.macs * area)),
        "threads": pick_threads(config.threads, tries=3) if device == "cpu" else torch.get_num_threads(),
        "workers": _workers(config, device),
        "model": model,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


def _check_labels(splits: DataSplits) -> None:
    """A label outside of the classes would be an index error deep in the loss, or on a GPU the end of the process."""
    for split in (splits.train, splits.val, splits.test):
        if split is None or not len(split):
            continue
        low, high = int(split.labels.min()), int(split.labels.max())
        if low < 0 or high >= len(splits.classes):
            wrong = int(np.flatnonzero((split.labels < 0) | (split.labels >= len(splits.classes)))[0])
            raise DataError(
                f"{split.name(wrong)} has the label {split.labels[wrong]}; {splits.name} has {len(splits.classes)} "
                f"classes, so allowed is 0 to {len(splits.classes) - 1}"
            )


def _workers(config: TrainConfig, device: str) -> int:
    """On a CPU the model wants the cores itself; a GPU wants them all to decode for it."""
    if config.workers is not None:
        return config.workers
    return 0 if device == "cpu" else min(8, available_cpus())


def _file_name(text: str) -> str:
    """Letters and digits of any script, and - _ . as they are; everything else becomes -."""
    return re.sub(r"[^\w.-]+", "-", text).strip("-.") or "weights"
