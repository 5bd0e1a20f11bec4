"""Recipes: each is a valid configuration of an installed model, and a file of one is read or told what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tomli_w
import torch
from PIL import Image

from cvp_core.errors import ConfigError, UnknownNameError
from cvp_core.registry import find_model, recipes
from cvp_core.train import plan, resolve_config, train
from cvp_core.train.cookbook import SPECS
from cvp_core.train.recipes import command_of, find_recipe

NAMES = [spec.name for spec in SPECS]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Red and blue noise, ten pictures each."""
    root = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(0)
    for name, colour in (("blue", (40, 40, 200)), ("red", (200, 40, 40))):
        (root / name).mkdir()
        for index in range(10):
            pixels = generator.normal(colour, 30, (32, 32, 3)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


def tiny(name: str, data: Path) -> dict[str, object]:
    """The recipe on other data, at the smallest size that its model takes, for an epoch."""
    given = find_recipe(name)
    size = max(32, find_model(str(given["model"])).spec.min_size)
    return {**given, "data": str(data), "image_size": size, "epochs": 1, "batch_size": 8, "precision": "float32"}


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_is_a_configuration_of_an_installed_model(name: str) -> None:
    settings = find_recipe(name)
    config = resolve_config({"data": "mine", **settings})
    assert find_model(config.model).spec.name == config.model
    for key, value in settings.items():
        assert getattr(config, key) == value


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_can_be_planned(name: str, pictures: Path, tmp_path: Path) -> None:
    given = tiny(name, pictures)
    with torch.device("meta"):  # no weights are drawn that nobody trains
        planned = plan(given, runs_dir=tmp_path / "runs")
    assert planned.config.learning_rate == given["learning_rate"]
    assert planned.config.optimizer == given["optimizer"]
    assert planned.model.num_classes() == 2


@pytest.mark.parametrize("name", ["mnist-linear", "mnist-modern"])
def test_the_smallest_recipes_train(name: str, pictures: Path, tmp_path: Path) -> None:
    result = train(plan({**tiny(name, pictures), "workers": 0}, runs_dir=tmp_path / "runs"))
    assert result.epochs == 1
    assert result.top1 is not None


def test_what_was_published_is_what_is_set() -> None:
    """The numbers that these recipes are known by."""
    adam = {"optimizer": "adam", "learning_rate": 1e-4, "val_fraction": 0.2}
    sgd_96 = {"image_size": 96, "optimizer": "sgd", "learning_rate": 0.01, "batch_size": 64, "epochs": 20}
    strong = {"augment": "strong", "cache_features": False}  # a cached picture would never be varied
    expected = {
        "cifar10-lenet": {"model": "lenet", "optimizer": "sgd", "learning_rate": 0.001, "momentum": 0.9},
        "cifar10-densenet96": {"model": "densenet121", **sgd_96},
        "birds-dpn": {"model": "dpn98", "batch_size": 32, **adam},
        "monkeypox-resnext50": {"model": "resnext50_32x4d", **adam},
        "catsdogs-vgg16-frozen": {"model": "vgg16_linear", "freeze": "backbone"},
        "catsdogs-vgg16-unfrozen": {"model": "vgg16_linear", "freeze": "none"},
        "catsdogs-mobilenetv2": {"model": "mobilenet_v2", "freeze": "backbone"},
        "food-resnet152": {"model": "resnet152", "freeze": "backbone", **strong},
    }
    for name, settings in expected.items():
        found = find_recipe(name)
        assert {key: found[key] for key in settings} == settings


def test_the_command_names_what_the_user_has_to_bring() -> None:
    commands = {claim.spec.name: command_of(claim.spec) for claim in recipes()}
    assert commands["mnist-linear"] == "cvp train --recipe mnist-linear"
    assert commands["monkeypox-resnext50"] == "cvp train --recipe monkeypox-resnext50 --data DATA"
    assert (
        commands["catsdogs-vgg16-unfrozen"] == "cvp train --recipe catsdogs-vgg16-unfrozen --data DATA --weights FILE"
    )


def test_an_unknown_name_has_near_misses() -> None:
    with pytest.raises(UnknownNameError, match=r"no recipe 'birds-modren'\. Did you mean 'birds-modern'\?"):
        find_recipe("birds-modren")


@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_a_file_is_a_recipe_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(f"{start}# mine\nepochs = 3\nlearning_rate = 1\nmean = [0.5]\nstd = [0.5]\n", encoding="utf-8")
    expected = {"epochs": 3, "learning_rate": 1.0, "mean": (0.5,), "std": (0.5,)}
    monkeypatch.chdir(tmp_path)
    assert find_recipe(str(path)) == find_recipe("mine.toml") == find_recipe("./mine.toml") == expected


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shown_as_toml_reads_back(name: str, tmp_path: Path) -> None:
    (tmp_path / "x.toml").write_text(tomli_w.dumps(find_recipe(name)))
    assert find_recipe(str(tmp_path / "x.toml")) == find_recipe(name)


@pytest.mark.parametrize(
    "content, message",
    [
        (b"epochs = ", "is no TOML"),
        (b"epochs = 1\nepochs = 2\n", "is no TOML"),
        (b"\xff = 1", "is not UTF-8"),
        (b"epoch = 3", "did you mean 'epochs'"),
        (b"epochs = 0", "epochs is 0; allowed is at least 1"),
        (b"epochs = 'many'", "expected int"),
        (b"[train]\nepochs = 3", "[train] is a table"),
    ],
)
def test_a_file_that_is_wrong_is_told_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        find_recipe(str(path))
    assert message in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("epochs = 3")
    with pytest.raises(ConfigError, match=r"no recipe file .*mien\.toml'\. Did you mean '.*mine\.toml'\?"):
        find_recipe(str(tmp_path / "mien.toml"))
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(ConfigError, match="is a directory"):
        find_recipe(str(tmp_path / "folder.toml"))


def test_recipes_are_found_without_torch() -> None:
    find = "import sys; from cvp_core.train.recipes import find_recipe; find_recipe('birds-dpn')"
    subprocess.run([sys.executable, "-c", f"{find}; assert 'torch' not in sys.modules"], check=True)
