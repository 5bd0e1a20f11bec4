"""What timm says of its pretrained weights, tag by tag: https://huggingface.co/docs/timm/results."""

from __future__ import annotations

import math
import re
import warnings

from cvp_core import Preprocess, WeightsSpec

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)
    from timm.data import infer_imagenet_subset
    from timm.models import PretrainedCfg, get_arch_pretrained_cfgs

__all__ = ["is_classifier", "preprocess_of", "weights_of"]

# By the number of classes, for want of anything better: a head of these sizes gives an embedding, not classes.
EMBEDDINGS = (0, 384, 512, 640, 768, 1024, 1152, 1280)
LICENCES = {
    "apache-2.0": "Apache-2.0",
    "bsd-3-clause": "BSD-3-Clause",
    "cc-by-nc-4.0": "CC-BY-NC-4.0",
    "mit": "MIT",
    "unknown": "",
}


def weights_of(name: str) -> tuple[WeightsSpec, ...]:
    """Of every tag of an architecture that stands for a whole classifier in timm's own keys; timm's default first."""
    found = get_arch_pretrained_cfgs(name)
    return tuple(_spec(key.partition(".")[2], tag) for key, tag in found.items() if is_classifier(tag))


def is_classifier(tag: PretrainedCfg) -> bool:
    """Whether weights are published under this tag which end in classes and need no loader of their own.

    timm's loaders are for the original files; what the hub has was converted, and timm takes it as it is.
    """
    is_foreign = tag.hf_hub_filename or (tag.custom_load and not tag.hf_hub_id)
    return bool(tag.hf_hub_id or tag.url) and not is_foreign and tag.num_classes not in EMBEDDINGS


def preprocess_of(tag: PretrainedCfg) -> Preprocess:
    """As timm's own evaluation has it, which rounds down.

    Where it would cut a border off a squashed picture, the whole one is squashed: Preprocess has no word for that.
    """
    height, width = tag.input_size[1:]
    is_squashed = tag.crop_mode == "squash" or height != width
    return Preprocess(
        size=(height, width),
        resize=None if is_squashed else max(math.floor(height / tag.crop_pct), height),
        interpolation=tag.interpolation if tag.interpolation != "random" else "bilinear",
        mean=tuple(tag.mean),
        std=tuple(tag.std),
    )


def _spec(name: str, tag: PretrainedCfg) -> WeightsSpec:
    subset = infer_imagenet_subset({"num_classes": tag.num_classes})
    labels = "" if subset in (None, "imagenet-1k") else f"cvp_timm.labels:{subset.replace('-', '_')}"
    licence = tag.license or ""
    return WeightsSpec(
        name,
        _address(tag),
        _digest(tag),
        source="timm",
        licence=LICENCES.get(licence, licence),
        classes=tag.num_classes,
        preprocess=preprocess_of(tag),
        labels=labels,
    )


def _address(tag: PretrainedCfg) -> str:
    """On the hub, where there is no pickle, if it is there."""
    return f"hf://{tag.hf_hub_id}/model.safetensors" if tag.hf_hub_id else str(tag.url)


def _digest(tag: PretrainedCfg) -> str:
    """Of an address outside of the hub: the SHA-256 begins as the file's name ends. The hub says it itself."""
    found = None if tag.hf_hub_id else re.search(r"-([0-9a-f]{8,64})\.\w+$", str(tag.url))
    return found[1] if found else ""
