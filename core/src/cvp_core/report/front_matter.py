"""The facts at a card's head that the Hugging Face hub reads: YAML between two lines of three dashes.

Its fields are documented at https://huggingface.co/docs/hub/model-cards and in modelcard.md of huggingface/hub-docs.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .card_facts import CardFacts, Parent

__all__ = ["front_matter"]

# What the hub calls the data sets that core knows by name; a folder of pictures is an "imagefolder" there.
_HUB_DATASETS = {
    "mnist": "ylecun/mnist",
    "fashion-mnist": "zalando-datasets/fashion_mnist",
    "cifar10": "uoft-cs/cifar10",
    "cifar100": "uoft-cs/cifar100",
}
# Of the hub's list of licences, those that weights and pictures come under here.
_HUB_LICENCES = (
    *("apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
    *("cc-by-nc-4.0", "cc-by-nc-sa-4.0", "gpl-3.0", "agpl-3.0"),
)

_WORD = re.compile(r"[A-Za-z][\w./-]*", re.ASCII)
_NO_TEXT = ("true", "false", "yes", "no", "on", "off", "null", "y", "n")  # to YAML


def front_matter(facts: CardFacts) -> str:
    """The block with both lines of dashes. What is not known is left out: the hub shows such fields as empty."""
    dataset = _HUB_DATASETS.get(facts.data.name) if facts.data.spec is not None else None
    family = facts.claim.spec.family if facts.claim else ""
    fields: dict[str, Any] = {
        **_licence(facts),
        "library_name": "cvp",
        "pipeline_tag": "image-classification",
        "tags": [tag for tag in ("cvp", "image-classification", family, "safetensors") if tag],
        "datasets": [dataset] if dataset else [],
        "metrics": ["accuracy"],
        "base_model": _hub_repository(facts.parent),
        "model-index": _results(facts, dataset),
    }
    return "\n".join(["---", *_yaml({name: value for name, value in fields.items() if value}), "---"])


def _licence(facts: CardFacts) -> dict[str, str]:
    """That of the weights it began from, which binds what was made of them; else that of the code."""
    code = facts.claim.spec.licence if facts.claim else ""
    name = facts.parent.licence if facts.parent else code
    if name.lower() in _HUB_LICENCES:
        return {"license": name.lower()}
    return {"license": "other", "license_name": name} if name else {"license": "unknown"}


def _hub_repository(parent: Parent | None) -> str:
    """OWNER/NAME where the weights that it began from lie on the hub."""
    parts = parent.url.removeprefix("hf://").split("/") if parent and parent.url.startswith("hf://") else []
    return "/".join(parts[:2]) if len(parts) >= 2 else ""


def _results(facts: CardFacts, dataset: str | None) -> list[dict[str, Any]]:
    """model-index: a result needs task, data set and value."""
    top1 = facts.evaluation.top1 if facts.evaluation else facts.header.metrics.get("top1")
    if not isinstance(top1, float) or top1 != top1 or not facts.data.name:
        return []
    metrics = [{"type": "accuracy", "name": "top-1 accuracy", "value": round(top1, 4)}]
    if facts.evaluation and facts.evaluation.classes > 5:
        metrics.append({"type": "accuracy", "name": "top-5 accuracy", "value": round(facts.evaluation.top5, 4)})
    about = {"name": facts.data.name, "type": dataset or "imagefolder", "split": facts.split}
    task = {"type": "image-classification", "name": "Image classification"}
    return [{"name": facts.title, "results": [{"task": task, "dataset": about, "metrics": metrics}]}]


def _yaml(value: Any, indent: int = 0) -> list[str]:
    """Maps and lists of text and numbers as block YAML."""
    margin, lines = " " * indent, []
    pairs = value.items() if isinstance(value, dict) else (("-", item) for item in value)
    for key, item in pairs:
        start = f"{margin}-" if key == "-" else f"{margin}{key}:"
        if not isinstance(item, dict | list):
            lines.append(f"{start} {_scalar(item)}")
        elif key == "-":
            first, *others = _yaml(item, indent + 2)
            lines += [f"{start} {first.strip()}", *others]
        else:
            lines += [start, *_yaml(item, indent + 2)]
    return lines


def _scalar(value: str | float) -> str:
    """Text is quoted as JSON, which is YAML too, wherever it could be read as something else."""
    if isinstance(value, float):
        return repr(value)
    if _WORD.fullmatch(value) and value.lower() not in _NO_TEXT:
        return value
    return json.dumps("".join(char if char.isprintable() else " " for char in value), ensure_ascii=False)
