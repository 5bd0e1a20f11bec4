"""The recipes that core brings: configurations as published or taught, and what we would run today beside each.

Those of the first kind say all that differs from today's defaults, which are AdamW, a cosine after a warm-up, weight
decay and light augmentation. Nothing here was measured unless it says so.
"""

from __future__ import annotations

from typing import Any

from ..spec import RecipeSpec

__all__ = ["SPECS"]

LECUN = "LeCun, Bottou, Bengio, Haffner 1998, sec. III"
TUTORIAL = "PyTorch tutorial 'Training a Classifier'"
TRANSFER = "PyTorch tutorial 'Transfer Learning for Computer Vision'"
STRIKES_BACK = "Wightman, Touvron, Jegou 2021, arXiv:2110.00476"
ULMFIT = "Howard, Ruder 2018, arXiv:1801.06146, sec. 3"
ONE_CYCLE = "Smith, Topin 2017, arXiv:1708.07120"
BY_HAND = "cvp"

# A constant rate on the pictures as they are: how nets are trained in a first lesson.
PLAIN = {"schedule": "constant", "warmup_epochs": 0.0, "weight_decay": 0.0, "augment": "none"}
SGD = {**PLAIN, "optimizer": "sgd", "momentum": 0.9}
ADAM = {**PLAIN, "optimizer": "adam", "learning_rate": 1e-4, "batch_size": 32, "image_size": 224, "val_fraction": 0.2}
STEPS = {"schedule": "step", "step_epochs": 7, "step_factor": 0.1}

# For a few thousand photographs: the head first, then all, the backbone slower.
TUNED = {
    "optimizer": "adamw",
    "learning_rate": 1e-3,
    "weight_decay": 0.05,
    "schedule": "cosine",
    "epochs": 15,
    "batch_size": 32,
    "image_size": 224,
    "freeze": "backbone",
    "unfreeze_at": 3,
    "backbone_rate": 0.1,
    "augment": "randaugment",
    "mixup": 0.2,
    "label_smoothing": 0.1,
    "ema": 0.998,
    "clip_norm": 1.0,
    "val_fraction": 0.2,
}

# For a net without weights to start from that has to learn in a few epochs.
FASHION = {
    "data": "fashion-mnist",
    "batch_size": 128,
    "optimizer": "adamw",
    "weight_decay": 0.05,
    "schedule": "one-cycle",
    "label_smoothing": 0.1,
    "ema": 0.998,
}


def _mnist(model: str, summary: str, learning_rate: float) -> RecipeSpec:
    settings = {**SGD, "model": model, "data": "mnist", "epochs": 10, "batch_size": 64, "learning_rate": learning_rate}
    return RecipeSpec(f"mnist-{model.removesuffix('_cnn')}", summary, settings, LECUN)


def _recipe(name: str, summary: str, source: str, *layers: dict[str, Any], **settings: Any) -> RecipeSpec:
    """Later layers stand above earlier ones, and `settings` above all."""
    merged: dict[str, Any] = {}
    for layer in (*layers, settings):
        merged |= layer
    return RecipeSpec(name, summary, merged, source)


# fmt: off
SPECS: tuple[RecipeSpec, ...] = (
    _mnist("linear", "digits by one linear layer: the floor that others are measured by", 0.01),
    _mnist("mlp", "digits by one hidden layer of 100", 0.01),
    _mnist("oneconv", "digits by one convolution", 0.01),
    _mnist("multilayer_cnn", "digits by two convolutions with pooling", 0.01),
    _recipe(
        "mnist-modern",
        "digits by the same two convolutions: AdamW in one cycle, averaged weights",
        ONE_CYCLE,
        model="multilayer_cnn", data="mnist", epochs=10, batch_size=128, optimizer="adamw", learning_rate=4e-3,
        schedule="one-cycle", weight_decay=0.05, ema=0.998, augment="none",
    ),
    _recipe(
        "fashion-resnet18",
        "ten kinds of clothing by ResNet-18 at 56 pixels: one cycle, averaged weights, pictures as they are",
        f"net: arXiv:1512.03385; schedule: {ONE_CYCLE}",
        FASHION,
        model="resnet18", epochs=7, image_size=56, crop=1.0, learning_rate=2e-3, augment="none",
    ),
    _recipe(
        "fashion-densenet",
        "the same by a DenseNet-BC of a sixtieth of the size at their own 28 pixels",
        f"net: arXiv:1608.06993; schedule: {ONE_CYCLE}",
        FASHION,
        model="densenet_bc_40_12", epochs=5, learning_rate=4e-3, augment="shift",
    ),
    _recipe(
        "cifar10-lenet",
        "the tutorial's small net: SGD 0.001 with momentum 0.9, batch 4",
        TUTORIAL,
        SGD,
        model="lenet", data="cifar10", epochs=10, batch_size=4, learning_rate=1e-3,
        mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5),
    ),
    _recipe(
        "cifar10-densenet96",
        "ImageNet's DenseNet-121 on pictures enlarged to 96 pixels: SGD 0.01, batch 64, 20 epochs",
        BY_HAND,
        SGD,
        model="densenet121", data="cifar10", image_size=96, epochs=20, batch_size=64, learning_rate=0.01,
        augment="shift",
    ),
    _recipe(
        "cifar10-modern",
        "DenseNet-BC at CIFAR's own 32 pixels, half the work, a ninth of the size: cutmix, erasing, averaged weights",
        f"net: arXiv:1608.06993, table 2; training: {STRIKES_BACK}",
        model="densenet_bc_100_12", data="cifar10", epochs=100, batch_size=128, optimizer="adamw", learning_rate=2e-3,
        weight_decay=0.05, schedule="cosine", warmup_epochs=5.0, augment="shift", erasing=0.25, mixup=0.2, cutmix=1.0,
        label_smoothing=0.1, ema=0.999, clip_norm=1.0,
    ),
    _recipe(
        "birds-dpn",
        "four birds by DPN-98 from scratch: Adam 1e-4, batch 32, 80/20 split",
        "net: arXiv:1707.01629",
        ADAM,
        model="dpn98", data="birds", epochs=20,
    ),
    _recipe(
        "birds-modern",
        "four birds by a net an eighth of DPN-98's size, as there are few: randaugment, mixup, averaged weights",
        STRIKES_BACK,
        model="densenet121", data="birds", image_size=128, epochs=30, batch_size=32, optimizer="adamw",
        learning_rate=2e-3, weight_decay=0.05, schedule="cosine", warmup_epochs=3.0, augment="randaugment", mixup=0.2,
        label_smoothing=0.1, ema=0.99, clip_norm=1.0, val_fraction=0.2,
    ),
    _recipe(
        "monkeypox-resnext50",
        "skin photographs by ResNeXt-50 32x4d: Adam 1e-4, 80/20 split",
        "net: arXiv:1611.05431",
        ADAM,
        model="resnext50_32x4d", epochs=20,
    ),
    _recipe(
        "monkeypox-modern",
        "skin photographs, few and unevenly spread: weights to start from, layer-wise rates, balanced loss, early stop",
        f"{ULMFIT}; {STRIKES_BACK}",
        TUNED,
        model="resnext50_32x4d", epochs=30, layer_decay=0.8, class_weights="balanced", patience=8,
    ),
    _recipe(
        "catsdogs-vgg16-frozen",
        "two classes by a linear layer on VGG-16's last maps, which are computed once; give ImageNet's --weights",
        TRANSFER,
        SGD, STEPS,
        model="vgg16_linear", epochs=25, batch_size=32, learning_rate=1e-3, image_size=224, freeze="backbone",
    ),
    _recipe(
        "catsdogs-vgg16-unfrozen",
        "the same net with all layers at one rate; give ImageNet's --weights",
        TRANSFER,
        SGD, STEPS,
        model="vgg16_linear", epochs=25, batch_size=32, learning_rate=1e-3, image_size=224, augment="light",
        freeze="none", backbone_rate=1.0,
    ),
    _recipe(
        "catsdogs-mobilenetv2",
        "two classes by a linear layer on MobileNetV2, a fiftieth of VGG-16's work; give ImageNet's --weights",
        f"net: arXiv:1801.04381; training: {TRANSFER}",
        ADAM,
        model="mobilenet_v2", epochs=10, learning_rate=1e-3, freeze="backbone",
    ),
    _recipe(
        "catsdogs-modern",
        "two classes by EfficientNet-B0: the head for three epochs, then all; give ImageNet's --weights",
        f"{ULMFIT}; {STRIKES_BACK}",
        TUNED,
        model="efficientnet_b0",
    ),
    _recipe(
        "food-resnet152",
        "20 dishes from list files by a linear layer on ResNet-152, strongly augmented; give ImageNet's --weights",
        BY_HAND,
        ADAM, STEPS,
        model="resnet152", epochs=20, batch_size=64, learning_rate=1e-3, image_size=256, augment="strong",
        step_epochs=5, step_factor=0.5, freeze="backbone", cache_features=False,
    ),
    _recipe(
        "food-modern",
        "20 dishes by ConvNeXt-tiny, the head first, then all: cutmix, layer-wise rates; give ImageNet's --weights",
        f"net: arXiv:2201.03545, appendix A; {STRIKES_BACK}",
        TUNED,
        model="convnext_tiny", epochs=30, cutmix=1.0, layer_decay=0.7, ema=0.999,
    ),
)
# fmt: on
