"""What a model card is made of: out of a run, or of a weights file alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..catalogue import Claim
from ..errors import CvpError, UserError
from ..registry import datasets, find_model
from ..spec import DatasetSpec, ModelSpec
from ..weights.header import Header, read_header
from ..weights.hub import HUB, place_of
from ..weights.store import SUFFIX, weights_dir
from .repeat import is_path, public_name

if TYPE_CHECKING:
    from ..evaluate import Evaluation
    from ..train.config import TrainConfig
    from ..train.events import EpochResult
    from ..train.planning import Plan

__all__ = ["CardFacts", "DataFacts", "Parent", "facts_of_file", "facts_of_run"]

# How `open_data` ends the location of pictures that took a named data set's place.
_OWN_PICTURES = ("(from $CVP_DATA)", "(from ./data)", "(cvp data add)")
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class DataFacts:
    """The pictures. spec: of the named data set that they are, None for somebody's own.

    counts: by split, in the order to show, how many pictures each class has, (classes).
    drawn: how the validation pictures were chosen, where the data has none of its own.
    """

    name: str
    spec: DatasetSpec | None = None
    is_synthetic: bool = False
    counts: Mapping[str, np.ndarray] = field(default_factory=dict)
    drawn: str = ""


@dataclass(frozen=True, slots=True)
class Parent:
    """The weights that a run began from; licence "" where nobody says."""

    name: str
    licence: str = ""
    url: str = ""


@dataclass(frozen=True)
class CardFacts:
    """What a card says; what is missing is left out there, or said to be unknown.

    header: the weights file's. claim: of its model, None where the plugin is not installed. parameters, macs: with
    these classes, at this size. evaluation: on the pictures of `split`. recipe: the data set's own.
    """

    title: str
    header: Header
    claim: Claim[ModelSpec] | None
    data: DataFacts
    parameters: int = 0
    macs: int = 0
    parent: Parent | None = None
    evaluation: Evaluation | None = None
    split: str = "validation"
    config: TrainConfig | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)
    precision: str = ""
    history: Sequence[EpochResult] = ()
    seconds: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def facts_of_run(
    plan: Plan,
    weights: Path,
    history: Sequence[EpochResult],
    evaluation: Evaluation | None = None,
    split: str = "validation",
    seconds: float | None = None,
) -> CardFacts:
    """weights: the file that holds the run's best. evaluation: of them. seconds: that the run took.

    Raises WeightsError for a file without cvp's header.
    """
    from ..machine import describe_device
    from .environment import describe_environment

    header, config, splits = read_header(weights), plan.config, plan.splits
    sets = {"train": splits.train, "validation": splits.val, "test": splits.test}
    counts = {
        name: np.bincount(images.labels, minlength=len(splits.classes))
        for name, images in sets.items()
        if images is not None
    }
    is_own = splits.location == config.data or splits.location.endswith(_OWN_PICTURES)
    drawn = f"{100 * config.val_fraction:.3g} % of each class, seed {config.seed}" if plan.has_drawn_split else ""
    environment = describe_environment(plan.device, plan.precision, (plan.claim.plugin.distribution,))
    environment |= {"device": describe_device(plan.device, plan.threads), "threads": str(plan.threads)}
    parameters, macs = _costs(plan.claim, header)
    return CardFacts(
        title=plan.title,
        header=header,
        claim=plan.claim,
        data=DataFacts(
            public_name(config.data), None if is_own else _dataset(config.data), splits.synthetic, counts, drawn
        ),
        parameters=parameters,
        macs=macs,
        parent=_parent(config.weights or "", header, plan.claim),
        evaluation=evaluation,
        split=split,
        config=config,
        recipe=splits.recipe,
        precision=plan.precision,
        history=history,
        seconds=seconds,
        environment=environment,
    )


def facts_of_file(weights: Path, title: str = "") -> CardFacts:
    """What a weights file tells by itself. Raises WeightsError for one without cvp's header."""
    header = read_header(weights)
    try:
        claim = find_model(f"{header.distribution}/{header.model}")
    except UserError:  # its plugin is not installed
        claim = None
    parameters, macs = _costs(claim, header) if claim else (0, 0)
    data = str(header.training.get("data", ""))
    spec = _dataset(data)
    return CardFacts(
        title=title or weights.name.removesuffix(SUFFIX),
        header=header,
        claim=claim,
        data=DataFacts(public_name(data) if data else "", spec, spec is not None and spec.synthetic),
        parameters=parameters,
        macs=macs,
        parent=_parent(header.parent, header, claim),
    )


def _costs(claim: Claim[ModelSpec], header: Header) -> tuple[int, int]:
    """Parameters and multiply-accumulates of the network as the file has it; 0 of one that cannot be counted."""
    from ..network import ImageClassifier
    from ..summary import count_macs, count_parameters, on_meta

    def counted(model: ImageClassifier) -> tuple[int, int]:
        if header.head != model.head_kind():
            model.reset_head(len(header.classes), header.head)
        return count_parameters(model), count_macs(model, header.input_size)

    try:
        return on_meta(claim, len(header.classes), header.input_size, counted)
    except (CvpError, RuntimeError, NotImplementedError):
        return 0, 0  # a line less on the card; the run is over, and its weights are good


def _dataset(data: str) -> DatasetSpec | None:
    if not data or is_path(data):
        return None
    claim = datasets().find(data)
    return claim.spec if claim else None


def _parent(name: str, header: Header, claim: Claim[ModelSpec] | None, depth: int = 0) -> Parent | None:
    """By what lies here, else by what is published under that name; nothing is downloaded for it.

    The licence of weights that were trained from others is that of those. depth: a file may be its own parent's name.
    """
    from ..weights.pretrained import find_published

    if not name:
        return None
    address = public_name(name) if "://" in name or name.startswith("pypi:") else ""
    places = [Path(name).expanduser(), weights_dir() / f"{name}{SUFFIX}"]
    try:
        found = [place for place in ([place_of(name)] if name.startswith(HUB) else places) if place.is_file()]
        own = read_header(found[0]) if found else None
    except UserError:
        own = None
    if own is not None:
        before = _parent(own.parent, own, None, depth + 1) if depth < _DEEPEST else None
        licence = str(own.training.get("licence", "")) or (before.licence if before else "")
        return Parent(public_name(name), licence, address)
    if address:  # the file itself is published weights, converted
        return Parent(address, str(header.training.get("licence", "")), address)
    tags = {weights.name.lower(): weights for weights in (claim.spec.weights if claim else ())}
    try:
        weights = tags.get(name.lower()) or find_published(name).weights
    except UserError:
        return Parent(public_name(name))
    return Parent(name, weights.licence, weights.url)
