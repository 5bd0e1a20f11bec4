"""The data sets that core brings by name: what they are, where they come from, how to train on them."""

from __future__ import annotations

from ..spec import DatasetSpec

__all__ = ["SPECS"]

BIRDS = ("Bananaquit", "Black Skimmer", "Black-throated Bushtit", "Cockatoo")

DIGITS = tuple("0123456789")

CLOTHES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

# The fine labels, in the order of fine_label_names.txt.
_FINE_LABELS = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm
"""
CIFAR100 = tuple(_FINE_LABELS.split())

_GREY_28 = {
    "image_size": 28,
    "epochs": 5,
    "batch_size": 128,
    "learning_rate": 2e-3,
    "augment": "none",
    "val_fraction": 1 / 12,
}

_COLOUR_32 = {
    "image_size": 32,
    "epochs": 20,
    "batch_size": 128,
    "learning_rate": 2e-3,
    "weight_decay": 0.05,
    "augment": "shift",
    "val_fraction": 0.1,
}

SPECS: tuple[DatasetSpec, ...] = (
    DatasetSpec(
        name="birds",
        summary="4 birds, painted by a program; real pictures in $CVP_DATA/birds or ./data/birds replace it",
        opener="cvp_core.data.sample:open_birds",
        classes=BIRDS,
        counts={"train": 800},
        recipe={
            "image_size": 64,
            "epochs": 8,
            "batch_size": 32,
            "learning_rate": 3e-3,
            "augment": "light",
            "crop": 1.0,
            "val_fraction": 0.2,
        },
        licence="Apache-2.0",
        synthetic=True,
    ),
    DatasetSpec(
        name="mnist",
        summary="handwritten digits, 28x28 grey",
        opener="cvp_core.data.mnist:open_mnist",
        classes=DIGITS,
        image_size=(1, 28, 28),
        counts={"train": 60_000, "test": 10_000},
        recipe={**_GREY_28, "mean": (0.1307,), "std": (0.3081,)},
        licence="CC-BY-SA-3.0",
        url="http://yann.lecun.com/exdb/mnist/",
    ),
    DatasetSpec(
        name="fashion-mnist",
        summary="10 kinds of clothing, 28x28 grey; Debian's package dataset-fashion-mnist is found",
        opener="cvp_core.data.mnist:open_fashion_mnist",
        classes=CLOTHES,
        image_size=(1, 28, 28),
        counts={"train": 60_000, "test": 10_000},
        recipe={**_GREY_28, "mean": (0.2860,), "std": (0.3530,)},
        licence="MIT",
        url="https://github.com/zalandoresearch/fashion-mnist",
    ),
    DatasetSpec(
        name="cifar10",
        summary="10 kinds of animals and vehicles, 32x32 colour",
        opener="cvp_core.data.cifar:open_cifar10",
        classes=CIFAR10,
        image_size=(3, 32, 32),
        counts={"train": 50_000, "test": 10_000},
        recipe={**_COLOUR_32, "mean": (0.4914, 0.4822, 0.4465), "std": (0.2470, 0.2435, 0.2616)},
        url="https://www.cs.toronto.edu/~kriz/cifar.html",
    ),
    DatasetSpec(
        name="cifar100",
        summary="100 kinds of animals, plants and things, 32x32 colour",
        opener="cvp_core.data.cifar:open_cifar100",
        classes=CIFAR100,
        image_size=(3, 32, 32),
        counts={"train": 50_000, "test": 10_000},
        recipe={**_COLOUR_32, "mean": (0.5071, 0.4865, 0.4409), "std": (0.2673, 0.2564, 0.2762)},
        url="https://www.cs.toronto.edu/~kriz/cifar.html",
    ),
    DatasetSpec(
        name="svhn",
        summary="house numbers cut into digits, 32x32 colour; needs scipy",
        opener="cvp_core.data.matlab:open_svhn",
        classes=DIGITS,
        image_size=(3, 32, 32),
        counts={"train": 73_257, "test": 26_032},
        recipe={**_COLOUR_32, "mean": (0.4377, 0.4438, 0.4728), "std": (0.1980, 0.2010, 0.1970), "augment": "none"},
        licence="non-commercial use",
        url="http://ufldl.stanford.edu/housenumbers",
    ),
    DatasetSpec(
        name="cub200",
        summary="200 birds of North America (CUB-200-2011), photographs, 1.2 GB",
        opener="cvp_core.data.photographs:open_cub200",
        num_classes=200,
        counts={"train": 5_994, "test": 5_794},
        licence="non-commercial research",
        url="https://www.vision.caltech.edu/datasets/cub_200_2011",
    ),
    DatasetSpec(
        name="flowers102",
        summary="102 flowers of Britain (Oxford 102), photographs, 0.3 GB; needs scipy",
        opener="cvp_core.data.matlab:open_flowers102",
        num_classes=102,
        counts={"train": 1_020, "val": 1_020, "test": 6_149},
        url="https://www.robots.ox.ac.uk/~vgg/data/flowers/102",
    ),
    DatasetSpec(
        name="pets",
        summary="37 breeds of cats and dogs (Oxford-IIIT Pet), photographs, 0.8 GB",
        opener="cvp_core.data.photographs:open_pets",
        num_classes=37,
        counts={"train": 3_680, "test": 3_669},
        licence="CC-BY-SA-4.0",
        url="https://www.robots.ox.ac.uk/~vgg/data/pets",
    ),
    DatasetSpec(
        name="food101",
        summary="101 dishes, photographs with wrong labels among those to train on, 5 GB",
        opener="cvp_core.data.photographs:open_food101",
        num_classes=101,
        counts={"train": 75_750, "test": 25_250},
        url="https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101",
    ),
    DatasetSpec(
        name="cats-dogs",
        summary="cats and dogs (Asirra), photographs, 0.8 GB; two files are empty",
        opener="cvp_core.data.photographs:open_cats_dogs",
        classes=("Cat", "Dog"),
        counts={"train": 24_998},
        url="https://www.microsoft.com/en-us/download/details.aspx?id=54765",
    ),
    DatasetSpec(
        name="imagenet",
        summary="1000 classes of ILSVRC 2012, in class folders that you have: $CVP_DATA/imagenet",
        opener="cvp_core.data.photographs:open_imagenet",
        num_classes=1000,
        counts={"train": 1_281_167, "val": 50_000},
        licence="non-commercial research",
        url="https://image-net.org/challenges/LSVRC/2012",
    ),
)
