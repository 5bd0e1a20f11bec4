"""Writes index.json from the installed timm: `python -m cvp_timm.survey [PATTERN ...]`, about an hour for all.

With patterns, only the models that match are looked at anew; the other rows stay.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from multiprocessing import get_context
from typing import Any

import timm
import torch
from timm.models import group_parameters, model_entrypoint
from torch import nn

from cvp_core import Paper, Preprocess
from cvp_core.foreign import Row, read_rows, survey, write_index

from . import INDEX

__all__ = ["main", "row"]

CLASSES = 1000  # some configurations have none, or a CLIP embedding's width
SIDES = (32, 64, 96, 128, 160, 192)


def row(name: str) -> Row:
    """The facts about one model. Raises what timm raises."""
    config = timm.get_pretrained_cfg(name).to_dict()
    size = tuple(config["input_size"])
    module = sys.modules[model_entrypoint(name).__module__]
    any_size = not config.get("fixed_input_size", False)
    size_argument = "" if any_size else "img_size" if _takes_img_size(name) else "none"

    def build(size: tuple[int, int, int]) -> nn.Module:
        return timm.create_model(name, num_classes=CLASSES, in_chans=size[0])

    least = (config.get("min_input_size") or (0, SIDES[0]))[1]
    sides = [side for side in SIDES if least <= side < min(size[1:])] if any_size else []
    found = survey(build, size, _groups, _classifiers, sides)
    parts = {field: getattr(found.parts, field) for field in ("stem", "stages", "head", "classifiers", "features")}
    if found.parts.is_channels_last:
        parts["is_channels_last"] = True
    return Row(
        name=name,
        family=module.__name__.rpartition(".")[2],
        parameters=found.parameters,
        macs=found.macs,
        parts=parts,
        preprocess=_preprocess(config),
        paper=_paper(config, module.__doc__ or "", module.__name__.rpartition(".")[2]),
        min_size=found.min_size,
        any_size=any_size,
        variant={"size_argument": size_argument} if size_argument else {},
    )


def _takes_img_size(name: str) -> bool:
    with torch.device("meta"):
        try:
            net = timm.create_model(name, num_classes=2)
        except (NotImplementedError, RuntimeError):
            return False
    return any("img_size" in inspect.signature(kind).parameters for kind in type(net).__mro__[:-1])


def _groups(net: Any) -> list[Sequence[str]]:
    """As timm groups them for layer-wise learning rates; a few of its networks do not say."""
    plain = {"stem": r"^stem", "blocks": r"^stages\.(\d+)"}
    groups = group_parameters(net, net.group_matcher(coarse=True) if hasattr(net, "group_matcher") else plain)
    return [groups[key] for key in sorted(groups)]


def _classifiers(net: Any) -> list[str]:
    last = net.get_classifier()
    heads = last if isinstance(last, tuple | list) else [last]
    inside = {id(module) for head in heads for module in head.modules()}
    return [
        name
        for name, module in net.named_modules()
        if id(module) in inside
        and CLASSES in (getattr(module, "out_features", None), getattr(module, "out_channels", None))
    ]


def _preprocess(config: dict[str, Any]) -> Preprocess:
    height, width = config["input_size"][1:]
    resize = round(min(height, width) / config["crop_pct"])
    is_squashed = config["crop_mode"] == "squash" or height != width
    return Preprocess(
        size=(height, width),
        resize=None if is_squashed else max(resize, height, width),
        interpolation=config["interpolation"] if config["interpolation"] != "random" else "bilinear",
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )


def _paper(config: dict[str, Any], text: str, family: str) -> Paper:
    """The configuration's own paper, else the first one that the module's docstring names."""
    identifiers = config.get("paper_ids") or ()
    if isinstance(identifiers, str):
        identifiers = (identifiers,)
    arxiv = next((match[0] for entry in identifiers if (match := re.search(r"\d{4}\.\d{4,5}", entry))), "")
    arxiv = arxiv or next(iter(re.findall(r"arxiv\.org/(?:abs|pdf)/(\d{4}\.\d{4,5})", text)), "")
    titles = re.findall(r"`([^`\n]{15,150})`\s*[-:]*\s*(?:https?://)?(?:www\.)?arxiv\.org/\w+/(\d{4}\.\d{4,5})", text)
    title = next((title for title, identifier in titles if identifier == arxiv), "")
    return Paper(config.get("paper_name") or title or f"timm's {family}", arxiv=arxiv)


def main(patterns: Sequence[str]) -> Iterator[str]:
    """Surveys on all processors and writes; yields a line for each model that could not be surveyed."""
    rows = read_rows(INDEX) if patterns else {}
    names = [name for name in timm.list_models() if not patterns or any(fnmatch(name, p) for p in patterns)]
    with get_context("spawn").Pool() as pool:
        for name, found in pool.imap_unordered(_row_or_reason, names):
            if isinstance(found, Row):
                rows[name] = found
            else:
                yield f"{name}: {found}"
    write_index(INDEX, "timm", timm.__version__, rows.values())


def _row_or_reason(name: str) -> tuple[str, Row | str]:
    try:
        return name, row(name)
    except Exception as error:  # noqa: BLE001 - each model of a foreign library may fail in its own way
        return name, f"{type(error).__name__}: {' '.join(str(error).split())[:150]}"


if __name__ == "__main__":
    for line in main(sys.argv[1:]):
        print(line, file=sys.stderr)  # noqa: T201
