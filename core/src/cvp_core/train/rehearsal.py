"""Before a run: what pictures and a batch look like to the network, and which learning rate it can take."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from ..data import DataSplits
from ..data.loading import Loader, Normalise
from ..data.variation_sheet import variation_sheet
from ..lettering import fitted, page_font
from ..spec import ModelSpec
from .computing import computing
from .config import resolve_config
from .freezing import frozen_parts, set_mode, set_trainable
from .loss import make_loss
from .preparing import preprocess_of
from .processes import make_fabric

if TYPE_CHECKING:
    from .planning import Plan

__all__ = ["FoundRate", "draw_batch", "draw_variations", "find_rate"]

# Stands for whichever is trained: 224 pixels where neither the data nor the settings say another size.
_ANY_MODEL = ModelSpec("any", "any", "cvp_core.network:ImageClassifier", min_size=1)

_MOST_SHOWN, _LEAST_TILE, _LINE_HEIGHT = 32, 128, 14
_LOWEST, _HIGHEST, _STEPS = 1e-6, 1.0, 100
_MEMORY = 0.9  # of the running mean of losses
_DIVERGED = 4.0  # times the least loss


def draw_batch(plan: Plan, path: Path) -> Path:
    """The first batch of the first epoch as a picture: varied, mixed and cropped as the network gets it."""
    from .feeding import training_loader

    pixels, labels = next(iter(training_loader(plan).epoch(0)))
    normalise = Normalise(plan.preprocess, "cpu")
    loss = make_loss(plan.config, plan.splits.train.labels, len(plan.splits.classes), torch.device("cpu"))
    images, target = loss.mixed(normalise(pixels), labels, (plan.config.seed, 0, 0))
    colours = images.permute(0, 2, 3, 1) * normalise.scale + normalise.offset
    shown = colours.clamp(0, 255).round().to(torch.uint8)
    names = [_name(row, plan.splits.classes) for row in target[:_MOST_SHOWN]]
    path.parent.mkdir(parents=True, exist_ok=True)
    _page(shown[:_MOST_SHOWN].numpy(), names).save(path)
    return path


def draw_variations(splits: DataSplits, given: Mapping[str, Any], *, columns: int = 8, seed: int = 0) -> Image.Image:
    """Pictures of `splits` beside what a run shows of them, as `variation_sheet` draws them.

    given: TrainConfig's fields, over the data set's recipe, as for a run; None for what was not given.
    Raises ConfigError for what is not allowed, and what `variation_sheet` raises.
    """
    config = resolve_config({"model": _ANY_MODEL.name, "data": splits.name, **given}, splits.recipe)
    preprocess = preprocess_of(config, _ANY_MODEL, splits, None)
    return variation_sheet(splits, preprocess, config.augment, erasing=config.erasing, columns=columns, seed=seed)


def _name(target: Tensor, classes: tuple[str, ...]) -> str:
    """A class, or the two that a picture was mixed of, a line each, with their shares."""
    if target.dim() == 0:
        return classes[int(target)]
    shares, places = target.topk(min(2, len(target)))
    parts = zip(shares.tolist(), places.tolist(), strict=True)
    return "\n".join(f"{share:.0%} {classes[place]}" for share, place in parts if share > 0.005)


def _page(pictures: np.ndarray, names: list[str]) -> Image.Image:
    tile = max(_LEAST_TILE, pictures.shape[2])
    columns = min(8, len(pictures))
    rows = -(-len(pictures) // columns)
    text = _LINE_HEIGHT * max(name.count("\n") + 1 for name in names)
    page = Image.new("RGB", (columns * (tile + 6) + 6, rows * (tile + text + 10) + 6), "white")
    draw, font = ImageDraw.Draw(page), page_font(11)
    for index, (pixels, name) in enumerate(zip(pictures, names, strict=True)):
        x, y = 6 + index % columns * (tile + 6), 6 + index // columns * (tile + text + 10)
        image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
        height = round(tile * image.height / image.width)
        page.paste(image.resize((tile, height), Image.Resampling.NEAREST).convert("RGB"), (x, y))
        for line, words in enumerate(name.split("\n")):
            draw.text((x, y + tile + 1 + line * _LINE_HEIGHT), fitted(words, font, tile), "black", font)
    return page


@dataclass(frozen=True)
class FoundRate:
    """suggestion: where the loss falls most steeply. limit: where it is least; beyond it grows. picture: the curve."""

    suggestion: float
    limit: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]
    picture: Path

    def to_json(self) -> dict[str, Any]:
        return {"suggestion": self.suggestion, "limit": self.limit, "picture": str(self.picture)}


def find_rate(plan: Plan, path: Path, progress: Callable[[int, int], None] = lambda step, steps: None) -> FoundRate:
    """The range test of Smith 2015 (arXiv:1506.01186, sec. 3.3): a rate that grows from 1e-6 to 1 in 100 steps.

    The plan's model is left as it is. It ends early where the loss has grown to four times the least.
    progress: is told the steps that are done, and of how many.
    """
    from .feeding import training_loader
    from .loop import FABRIC_PRECISION, take_step
    from .state import TrainingState

    config = plan.config
    model = copy.deepcopy(plan.model)
    if config.channels_last:
        model.to(memory_format=torch.channels_last)
    fabric = make_fabric(plan.device, FABRIC_PRECISION[plan.precision], config.strategy)
    frozen = frozen_parts(model, config.freeze)
    set_trainable(model, frozen)
    network = fabric.setup_module(model)
    state = TrainingState(fabric, model, config, _STEPS)
    set_mode(model, frozen)
    normalise = Normalise(plan.preprocess, fabric.device)
    loss = make_loss(config, plan.splits.train.labels, len(plan.splits.classes), fabric.device)
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    with computing(plan.threads):
        for step, (pixels, labels) in zip(range(_STEPS), _endless(training_loader(plan)), strict=False):
            rate = _LOWEST * (_HIGHEST / _LOWEST) ** (step / (_STEPS - 1))
            state.set_rate(rate)
            torch.manual_seed(step)
            classes = labels.to(fabric.device)
            images, target = loss.mixed(normalise(pixels), classes, (config.seed, 0, step))
            state.sums.reset()
            take_step(state, network, images, target, classes, loss, config)
            mean = _MEMORY * mean + (1 - _MEMORY) * state.sums.loss.item() / len(labels)
            smoothed = mean / (1 - _MEMORY ** (step + 1))
            if not math.isfinite(smoothed) or smoothed > _DIVERGED * min(losses, default=smoothed):
                break
            rates.append(rate)
            losses.append(smoothed)
            progress(step + 1, _STEPS)
    suggestion, limit = _read(rates, losses)
    _draw(rates, losses, suggestion, path)
    return FoundRate(suggestion, limit, tuple(rates), tuple(losses), path)


def _endless(loader: Loader) -> Iterator[tuple[Tensor, Tensor]]:
    epoch = 0
    while True:
        yield from loader.epoch(epoch)
        epoch += 1


def _read(rates: list[float], losses: list[float]) -> tuple[float, float]:
    """The rate of the steepest fall before the least loss, and that of the least loss.

    The first steps, whose running mean is of few losses, are passed over; slopes are those of lines through 11 points.
    """
    start, reach = min(_STEPS // 10, len(losses) - 1), 5
    least = start + int(np.argmin(losses[start:]))
    centres = range(start + reach, least - reach + 1)
    if not centres:
        return rates[least] / 10, rates[least]
    logs, values = np.log(rates), np.array(losses)
    slopes = [
        np.polyfit(logs[at - reach : at + reach + 1], values[at - reach : at + reach + 1], 1)[0] for at in centres
    ]
    return rates[centres[int(np.argmin(slopes))]], rates[least]


def _draw(rates: list[float], losses: list[float], suggestion: float, path: Path) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.plot(rates, losses, color="#1f6fb4")
    axes.axvline(suggestion, color="#c44", linestyle="--", linewidth=1)
    axes.annotate(f" {suggestion:.1e}", (suggestion, max(losses)), color="#c44", va="top")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss, smoothed")
    axes.set_title("steepest fall of the loss while the learning rate grows", fontsize=10)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)
