"""The classic nets as tables: the teaching nets by their rows, LeNet-5 and AlexNet by their papers."""

from __future__ import annotations

from typing import Any

from cvp_core import ModelSpec, Paper, Preprocess

__all__ = ["SPECS"]

# Sec. III.C has the linear classifier (7,850 parameters) and nets of one hidden layer, sec. II.B LeNet-5. The
# other small nets have no paper of their own; their layout, 5x5 convolutions and pooling, is from there.
LECUN = Paper(
    "Gradient-based learning applied to document recognition",
    authors="LeCun, Bottou, Bengio, Haffner",
    year=1998,
)
KRIZHEVSKY = Paper(
    "One weird trick for parallelizing convolutional neural networks",
    arxiv="1404.5997",
    authors="Krizhevsky",
    year=2014,
)

# Per-channel statistics of the training pictures of MNIST and of CIFAR-10.
MNIST = Preprocess(size=(28, 28), resize=None, mean=(0.1307,), std=(0.3081,))
MNIST_32 = Preprocess(size=(32, 32), resize=None, mean=(0.1307,), std=(0.3081,))
CIFAR = Preprocess(size=(32, 32), resize=None, mean=(0.4914, 0.4822, 0.4465), std=(0.2470, 0.2435, 0.2616))
PHOTOGRAPH = Preprocess(size=(256, 256), resize=256)

# name: (variant, preprocess, classes, smallest side, parameters, MACs); a stage is (filters, max pooling)
TEACHING: dict[str, tuple[dict[str, Any], Preprocess, int, int, int, int]] = {
    "linear": ({}, MNIST, 10, 1, 7_850, 7_840),
    "mlp": ({"hidden": (100,)}, MNIST, 10, 1, 79_510, 79_400),
    "oneconv": ({"stages": ((9, 1),)}, MNIST, 10, 5, 52_084, 181_440),
    "multilayer_cnn": ({"stages": ((10, 2), (20, 2))}, MNIST, 10, 16, 8_490, 467_200),
    "lenet": ({"stages": ((6, 2), (16, 2)), "hidden": (120, 64)}, CIFAR, 10, 16, 59_386, 649_120),
    "cnn5x5": (
        {"stages": ((16, 2), (32, 2), (32, 1), (64, 1)), "padding": 2},
        *(PHOTOGRAPH, 20, 4, 5_333_844, 608_174_080),
    ),
}


def _teaching(
    name: str,
    variant: dict[str, Any],
    preprocess: Preprocess,
    num_classes: int,
    min_size: int,
    parameters: int,
    macs: int,
) -> ModelSpec:
    return ModelSpec(
        name=name,
        family="classic",
        builder="cvp_classic.model:build",
        input_size=(preprocess.channels, *preprocess.size),
        variant=variant,
        parameters=parameters,
        macs=macs,
        paper=LECUN,
        licence="Apache-2.0",
        num_classes=num_classes,
        preprocess=preprocess,
        min_size=min_size,
        any_size=False,
        default=name == "multilayer_cnn",
    )


LENET5 = ModelSpec(
    name="lenet5",
    family="classic",
    builder="cvp_classic.lenet5:build",
    input_size=(1, 32, 32),
    parameters=60_850,  # the paper's 60,000 up to F6, then 84 * 10 + 10 where it has fixed RBF units
    macs=416_520,  # with C3's zeros; the connections of table I alone are 90,000 fewer
    paper=LECUN,
    licence="Apache-2.0",
    num_classes=10,
    preprocess=MNIST_32,
    min_size=32,  # C5 is left with one unit a map
    any_size=False,
)

ALEXNET = ModelSpec(
    name="alexnet",
    family="classic",
    builder="cvp_classic.alexnet:build",
    converter="cvp_classic.convert:convert",
    variant={"hidden": (4096, 4096), "dropout": 0.5},
    parameters=61_100_840,
    macs=714_188_480,
    paper=KRIZHEVSKY,
    licence="Apache-2.0",
    min_size=63,  # the last pooling is left with 3x3
)

SPECS = (*(_teaching(name, *row) for name, row in TEACHING.items()), LENET5, ALEXNET)
