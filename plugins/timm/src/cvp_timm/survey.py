"""Writes index.json from the installed timm: `python -m cvp_timm.survey [PATTERN ...]`, about an hour for all.

With patterns, only the models that match are looked at anew; the others stay. With --weights, nothing is built: what
is published for the models is looked at anew, and how pictures are prepared, in some seconds.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from fnmatch import fnmatch
from multiprocessing import get_context
from typing import Any

import timm
from timm.models import group_parameters, model_entrypoint
from torch import nn

from cvp_core import Paper
from cvp_core.foreign import Row, read_rows, renewed, survey, write_index

from . import INDEX
from .published import preprocess_of, weights_of

__all__ = ["main", "names_of_classifiers", "refresh", "row"]

CLASSES = 1000  # some configurations have none, or a CLIP embedding's width
SIDES = (32, 64, 96, 112, 128, 160, 192)


def names_of_classifiers() -> list[str]:
    """All of timm's models but those which are the encoders of language models and have no classifier."""
    return timm.list_models(exclude_filters=["*_enc"])


def row(name: str) -> Row:
    """The facts about one model. Raises what timm raises."""
    default = timm.get_pretrained_cfg(name)
    config = default.to_dict()
    size = tuple(config["input_size"])
    module = sys.modules[model_entrypoint(name).__module__]
    any_size = not config.get("fixed_input_size", False)

    def build(size: tuple[int, int, int]) -> nn.Module:
        sized = {} if any_size else {"img_size": size[1:]}
        return timm.create_model(name, num_classes=CLASSES, in_chans=size[0], **sized)

    least = (config.get("min_input_size") or (0, SIDES[0]))[1]
    sides = [side for side in SIDES if least <= side < min(size[1:])]
    found = survey(build, size, _groups, _classifiers, sides, is_sized=not any_size)
    parts = {field: getattr(found.parts, field) for field in ("stem", "stages", "head", "classifiers", "features")}
    if found.parts.is_channels_last:
        parts["is_channels_last"] = True
    preprocess = preprocess_of(default)
    surveyed = Row(
        name=name,
        family=module.__name__.rpartition(".")[2],
        parameters=found.parameters,
        macs=found.macs,
        parts=parts,
        preprocess=preprocess,
        paper=_paper(config, module.__doc__ or "", module.__name__.rpartition(".")[2]),
        min_size=found.min_size,
        any_size=any_size,
        variant={} if any_size else {"size_argument": "img_size"},
    )
    return renewed(surveyed, preprocess, weights_of(name))


def _groups(net: Any) -> list[Sequence[str]]:
    """As timm groups them for layer-wise learning rates; a few of its networks do not say."""
    try:
        matcher = net.group_matcher(coarse=True)
    except (AssertionError, AttributeError):
        matcher = {
            "stem": r"^(?:stem|patch_embed|cls_token|pos_embed|dist_token)",
            "blocks": r"^(?:stages|dense_stages|transformers|blocks)\.(\d+)",
        }
    groups = group_parameters(net, matcher)
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
    names = [name for name in names_of_classifiers() if not patterns or any(fnmatch(name, p) for p in patterns)]
    with get_context("spawn").Pool() as pool:
        for name, found in pool.imap_unordered(_row_or_reason, names):
            if isinstance(found, Row):
                rows[name] = found
            else:
                yield f"{name}: {found}"
    write_index(INDEX, "timm", timm.__version__, rows.values())


def refresh() -> None:
    """Writes the index with what is published today for the models that it has."""
    rows = [
        renewed(row, preprocess_of(timm.get_pretrained_cfg(name)), weights_of(name))
        for name, row in read_rows(INDEX).items()
    ]
    write_index(INDEX, "timm", timm.__version__, rows)


def _row_or_reason(name: str) -> tuple[str, Row | str]:
    try:
        return name, row(name)
    except Exception as error:  # noqa: BLE001 - each model of a foreign library may fail in its own way
        return name, f"{type(error).__name__}: {' '.join(str(error).split())[:150]}"


if __name__ == "__main__":
    if "--weights" in sys.argv[1:]:
        refresh()
    else:
        for line in main(sys.argv[1:]):
            print(line, file=sys.stderr)  # noqa: T201
