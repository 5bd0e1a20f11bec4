"""Writes index.json from the installed torchvision: `python -m cvp_torchvision.survey`, some minutes.

With --weights, only what is published for the models is looked at anew, and how pictures are prepared: some seconds.
"""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from functools import partial
from typing import Any

import torchvision
from torch import nn

from cvp_core import Paper
from cvp_core.foreign import Row, read_rows, renewed, survey, write_index

from . import INDEX
from .model import create
from .published import preprocess_of, weights_of

__all__ = ["main", "refresh", "row"]

CLASSES = 1000
SIDES = (32, 64, 75, 96, 128, 160, 192)

# module: (the stem's parameters, the stages' with what tells them apart as group 1, what belongs to the last stage,
# the keyword for the size). All other parameters are the head's.
PARTS = {
    "alexnet": (r"features\.0\.", r"features\.(\d+)", "", ""),
    "convnext": (r"features\.0\.", r"features\.(\d+)", "", ""),
    "densenet": (r"features\.(conv|norm)0", r"features\.(?:denseblock|transition)(\d+)", r"features\.norm5", ""),
    "efficientnet": (r"features\.0\.", r"features\.(\d+)", "", ""),
    "googlenet": (r"conv\d", r"inception(\d)", "", ""),
    "inception": (r"Conv2d", r"Mixed_(\d)", "", ""),
    "maxvit": (r"stem", r"blocks\.(\d+)", "", "input_size"),
    "mnasnet": (r"layers\.[0-7]\.", r"layers\.(\d+)", "", ""),
    "mobilenetv2": (r"features\.0\.", r"features\.(\d+)", "", ""),
    "mobilenetv3": (r"features\.0\.", r"features\.(\d+)", "", ""),
    "regnet": (r"stem", r"trunk_output\.block(\d)", "", ""),
    "resnet": (r"(conv|bn)1\.", r"layer(\d)", "", ""),
    "shufflenetv2": (r"conv1", r"stage(\d)", r"conv5", ""),
    "squeezenet": (r"features\.0\.", r"features\.(\d+)", "", ""),
    "swin_transformer": (r"features\.0\.", r"features\.(\d+)", r"norm\.", ""),
    "vgg": (r"features\.0\.", r"features\.(\d+)", "", ""),
    "vision_transformer": (
        r"conv_proj|class_token|encoder\.pos",
        r"encoder\.layers\.encoder_layer_(\d+)",
        r"encoder\.ln",
        "image_size",
    ),
}

# how the name begins: (title, arXiv); the first that fits
PAPERS = {
    "alexnet": ("One weird trick for parallelizing convolutional neural networks", "1404.5997"),
    "convnext": ("A ConvNet for the 2020s", "2201.03545"),
    "densenet": ("Densely Connected Convolutional Networks", "1608.06993"),
    "efficientnet_v2": ("EfficientNetV2: Smaller Models and Faster Training", "2104.00298"),
    "efficientnet": ("EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", "1905.11946"),
    "googlenet": ("Going Deeper with Convolutions", "1409.4842"),
    "inception": ("Rethinking the Inception Architecture for Computer Vision", "1512.00567"),
    "maxvit": ("MaxViT: Multi-Axis Vision Transformer", "2204.01697"),
    "mnasnet": ("MnasNet: Platform-Aware Neural Architecture Search for Mobile", "1807.11626"),
    "mobilenet_v2": ("MobileNetV2: Inverted Residuals and Linear Bottlenecks", "1801.04381"),
    "mobilenet_v3": ("Searching for MobileNetV3", "1905.02244"),
    "regnet": ("Designing Network Design Spaces", "2003.13678"),
    "resnet": ("Deep Residual Learning for Image Recognition", "1512.03385"),
    "resnext": ("Aggregated Residual Transformations for Deep Neural Networks", "1611.05431"),
    "shufflenet": ("ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", "1807.11164"),
    "squeezenet": ("SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", "1602.07360"),
    "swin_v2": ("Swin Transformer V2: Scaling Up Capacity and Resolution", "2111.09883"),
    "swin": ("Swin Transformer: Hierarchical Vision Transformer using Shifted Windows", "2103.14030"),
    "vgg": ("Very Deep Convolutional Networks for Large-Scale Image Recognition", "1409.1556"),
    "vit": ("An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale", "2010.11929"),
    "wide_resnet": ("Wide Residual Networks", "1605.07146"),
}


def row(name: str) -> Row:
    """The facts about one model."""
    module = torchvision.models.get_model_builder(name).__module__.rpartition(".")[2]
    stem, stages, tail, size_argument = PARTS[module]
    preprocess = preprocess_of(name)
    size = (3, *preprocess.size)
    found = survey(
        lambda size: create(name, size_argument, CLASSES, size),
        size,
        partial(_groups, stem=stem, stages=stages, tail=tail),
        _classifiers,
        [side for side in SIDES if side < min(preprocess.size)],
        is_sized=bool(size_argument),
    )
    parts = asdict(found.parts)
    if not parts["is_channels_last"]:
        del parts["is_channels_last"]
    surveyed = Row(
        name=name,
        family=module.removesuffix("v2").removesuffix("v3"),
        parameters=found.parameters,
        macs=found.macs,
        parts=parts,
        preprocess=preprocess,
        paper=Paper(*next(paper for beginning, paper in PAPERS.items() if name.startswith(beginning))),
        min_size=found.min_size,
        any_size=not size_argument,
        variant={"size_argument": size_argument} if size_argument else {},
    )
    return renewed(surveyed, preprocess, weights_of(name))


def _groups(net: nn.Module, stem: str, stages: str, tail: str) -> list[list[str]]:
    body: dict[int, list[str]] = {}
    first, last = [], []
    for name, _ in net.named_parameters():
        if re.match(stem, name):
            first.append(name)
        elif found := re.match(stages, name):
            body.setdefault(_stage(net, int(found[1])), []).append(name)
        elif tail and re.match(tail, name):
            body.setdefault(max(body), []).append(name)
        else:
            last.append(name)
    return [first, *(body[key] for key in sorted(body)), last]


def _stage(net: Any, number: int) -> int:
    """A plain row of layers has a stage between two poolings; elsewhere each numbered module is one."""
    row = list(net.features) if isinstance(getattr(net, "features", None), nn.Sequential) else []
    pools = [index for index, layer in enumerate(row) if isinstance(layer, nn.MaxPool2d)]
    return sum(index < number for index in pools) if pools else number


def _classifiers(net: nn.Module) -> list[str]:
    """The last layer that gives a number a class."""
    return [
        name
        for name, module in net.named_modules()
        if CLASSES in (getattr(module, "out_features", None), getattr(module, "out_channels", None))
    ][-1:]


def main() -> None:
    names = torchvision.models.list_models(module=torchvision.models)
    _write([row(name) for name in names])


def refresh() -> None:
    """Writes the index with what is published today for the models that it has."""
    _write([renewed(row, preprocess_of(name), weights_of(name)) for name, row in read_rows(INDEX).items()])


def _write(rows: list[Row]) -> None:
    write_index(INDEX, "torchvision", torchvision.__version__.partition("+")[0], rows)


if __name__ == "__main__":
    refresh() if "--weights" in sys.argv[1:] else main()
