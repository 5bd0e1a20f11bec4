"""The built-in data sets: facts, and that listing them is cheap."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cvp_cli.main import main
from cvp_core.data.named import SPECS
from cvp_core.spec import DatasetSpec
from cvp_core.targets import load_target

BY_NAME = {spec.name: spec for spec in SPECS}


def test_the_promised_names_are_there():
    assert list(BY_NAME)[:6] == ["birds", "mnist", "fashion-mnist", "cifar10", "cifar100", "svhn"]


@pytest.mark.parametrize("spec", SPECS, ids=list(BY_NAME))
def test_openers_exist_and_classes_are_distinct(spec):
    assert callable(load_target(spec.opener, "core"))
    assert len(set(spec.classes)) == len(spec.classes) != 1


@pytest.mark.parametrize("spec", [spec for spec in SPECS if spec.image_size], ids=lambda spec: spec.name)
def test_statistics_have_a_value_for_each_channel(spec):
    channels, height, width = spec.image_size
    assert len(spec.recipe["mean"]) == len(spec.recipe["std"]) == channels
    assert height == width == spec.recipe["image_size"]


def test_cifar100_has_its_hundred_fine_labels_in_published_order():
    labels = BY_NAME["cifar100"].classes
    # fine_label_names.txt is sorted; spot checks by number are from torchvision's class_to_idx.
    assert len(labels) == 100
    assert list(labels) == sorted(labels)
    assert (labels[0], labels[53], labels[99]) == ("apple", "orange", "worm")


def test_the_number_of_classes_is_known_where_the_archives_name_them(capsys):
    published = {"cub200": 200, "flowers102": 102, "pets": 37, "food101": 101, "imagenet": 1000, "cats-dogs": 2}
    assert {name: BY_NAME[name].num_classes for name in published} == published
    assert all(spec.num_classes == len(spec.classes) for spec in SPECS if spec.classes)
    assert main(["data", "list"]) == 0
    rows = {line.split()[0]: line.split()[1] for line in capsys.readouterr().out.splitlines()}
    assert (rows["imagenet"], rows["cub200"], rows["mnist"]) == ("1000", "200", "10")
    with pytest.raises(ValueError, match="num_classes is 3, and 2 are listed"):
        DatasetSpec("x", "", "a.b:c", classes=("a", "b"), num_classes=3)


def test_birds_classes_are_those_that_are_painted():
    from cvp_core.data.birds import CLASSES

    assert BY_NAME["birds"].classes == tuple(CLASSES)


def test_listing_imports_neither_numpy_nor_pil_nor_torch():
    code = (
        "import sys, cvp_core.data, cvp_core.data.named, cvp_core.registry\n"
        "print([name for name in ('numpy', 'PIL', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_all_public_names_are_there():
    import cvp_core.data

    assert all(getattr(cvp_core.data, name) is not None for name in cvp_core.data.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        cvp_core.data.nothing  # noqa: B018 - the access is the test
