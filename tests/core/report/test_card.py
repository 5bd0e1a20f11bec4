"""The model card of a real run: a stranger's questions answered, the hub's format, and nothing private."""

from __future__ import annotations

import getpass
import os
import platform
import re
import shlex
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from PIL import Image
from safetensors.torch import load_file
from scipy.stats import binomtest

import cvp_core
from cvp_cli.main import main
from cvp_core.report.card import CARD, card_of_file, render_card, with_address
from cvp_core.report.card_facts import Parent, facts_of_file, facts_of_run
from cvp_core.train import TrainResult, plan, train

COUNTS = {
    "train": {"dull": 12, "bright|red": 20},
    "val": {"dull": 4, "bright|red": 6},
    "test": {"dull": 7, "bright|red": 9},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Somebody's home folder with pictures that differ in brightness, not quite enough to be told apart."""
    folder = tmp_path_factory.mktemp("homes") / "secret-name"
    generator = np.random.default_rng(0)
    for split, classes in COUNTS.items():
        for name, count in classes.items():
            (folder / "customer" / "shades" / split / name).mkdir(parents=True)
            for index in range(count):
                pixels = np.clip(generator.normal(110 if name == "dull" else 150, 60, (8, 8, 3)), 0, 255)
                Image.fromarray(pixels.astype(np.uint8)).save(
                    folder / "customer" / "shades" / split / name / f"{index}.png"
                )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        yield folder


@pytest.fixture(scope="module")
def run(home: Path) -> TrainResult:
    given = {"model": "linear", "data": str(home / "customer" / "shades"), "image_size": 8, "crop": 1.0, "epochs": 2}
    given |= {"seed": 3, "optimizer": "sgd", "learning_rate": 0.02, "class_weights": "balanced", "weight_decay": 0.0}
    return train(plan(given, runs_dir=home / "runs", store=home / "weights"))


@pytest.fixture(scope="module")
def card(run: TrainResult) -> str:
    return (run.run / CARD).read_text(encoding="utf-8")


def test_every_run_writes_a_card_and_lists_it(run: TrainResult, card: str) -> None:
    assert run.run / CARD in run.files
    for part in ("# linear-shades", "linear, from cvp-classic", "LeCun", "386 parameters, 384 multiply-accumulates"):
        assert part in card
    assert len(card.splitlines()) < 90  # a page


def test_the_hub_reads_its_front_matter(run: TrainResult, card: str) -> None:
    read = ModelCard(card).data
    assert (read.library_name, read.pipeline_tag, read.license) == ("cvp", "image-classification", "apache-2.0")
    assert read.metrics == ["accuracy"]
    assert {"cvp", "image-classification", "classic"} <= set(read.tags)
    (result,) = read.eval_results
    assert (result.task_type, result.dataset_name, result.dataset_split) == ("image-classification", "shades", "test")
    assert result.metric_value == pytest.approx(run.test_top1, abs=1e-4)


def test_accuracy_comes_with_its_wilson_interval_and_what_it_was_measured_on(run: TrainResult, card: str) -> None:
    assert run.test_top1 is not None
    interval = binomtest(round(16 * run.test_top1), 16).proportion_ci(method="wilson")
    span = f"{100 * interval.low:.1f} to {100 * interval.high:.1f} %"
    assert "On 16 test pictures" in card
    assert f"top-1 accuracy | {100 * run.test_top1:.1f} % (95 % interval {span})" in card
    assert f"about ±{50 * (interval.high - interval.low):.1f} points" in card
    assert "Only 7 of them show dull" in card


def test_pictures_of_each_class_and_split_are_counted(card: str) -> None:
    assert "Pictures: 32 train, 10 validation, 16 test." in card
    for name in ("dull", "bright|red"):
        numbers = " | ".join(str(COUNTS[split][name]) for split in ("train", "val", "test"))
        assert f"| {name.replace('|', chr(92) + '|')} | {numbers} |" in card


def test_what_the_settings_were_and_where_it_ran(card: str) -> None:
    shown = re.search(r"Settings beside the defaults: (.*?)\. This command", card)
    assert shown
    assert "optimizer sgd, learning_rate 0.02" in shown[1]
    assert "momentum" not in shown[1]  # as by default
    for part in (f"torch {version('torch')}", f"Python {platform.python_version()}", "Trained for 2 epochs in "):
        assert part in card


def test_its_command_trains_the_same_weights_again(
    run: TrainResult, card: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (command,) = re.findall(r"^    (cvp train .*)$", card, re.MULTILINE)
    monkeypatch.chdir(home / "customer")
    assert main([*shlex.split(command)[1:], "--runs-dir", str(tmp_path / "runs"), "--weights-dir", str(tmp_path)]) == 0
    again, first = load_file(tmp_path / "linear-shades.safetensors"), load_file(run.run / "best.safetensors")
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_neither_user_nor_host_nor_folders_are_told(card: str, home: Path) -> None:
    for secret in ("secret-name", "customer", str(home), str(Path.cwd())):
        assert secret not in card
    if len(platform.node()) > 3:
        assert platform.node() not in card
    if len(getpass.getuser()) > 4:
        assert getpass.getuser() not in card


def test_a_home_folder_itself_and_an_address_with_a_password_stay_private(home: Path) -> None:
    from cvp_core.report.repeat import public_name

    assert public_name(str(home)) == "pictures"
    assert public_name("~") == "pictures"
    assert public_name("customers/acme/birds.txt") == "birds.txt"
    assert public_name("https://me:word@host.org/a/w.safetensors?signature=1") == "https://host.org/a/w.safetensors"
    assert public_name("fashion-mnist") == "fashion-mnist"


def test_pictures_of_ones_own_do_not_get_the_named_data_sets_licence(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine").mkdir()
    os.symlink(home / "customer" / "shades", tmp_path / "mine" / "birds")
    monkeypatch.setenv("CVP_DATA", str(tmp_path / "mine"))
    made = plan({"model": "linear", "data": "birds", "image_size": 8}, runs_dir=tmp_path, store=tmp_path)
    from cvp_core.weights.format import save

    save(tmp_path / "w.safetensors", made.model, classes=made.splits.classes, training={"data": "birds"})
    text = render_card(facts_of_run(made, tmp_path / "w.safetensors", ()))
    assert "painted" not in text
    assert "pictures of whoever trained it" in text


def test_weights_trained_from_weights_inherit_their_licence(run: TrainResult, tmp_path: Path) -> None:
    model = cvp_core.create_model("linear", num_classes=2)
    first, second, third = (tmp_path / f"{name}.safetensors" for name in ("first", "second", "third"))
    cvp_core.save(first, model, classes=("a", "b"), training={"licence": "MIT"}, parent="https://host.org/w.pth")
    cvp_core.save(second, model, classes=("a", "b"), parent=str(first))
    assert facts_of_file(first).parent == Parent("https://host.org/w.pth", "MIT", "https://host.org/w.pth")
    assert facts_of_file(second).parent == Parent("first.safetensors", "MIT")
    cvp_core.save(third, model, classes=("a", "b"), parent=str(second))
    assert facts_of_file(third).parent == Parent("second.safetensors", "MIT")
    cvp_core.save(second, model, classes=("a", "b"), parent=str(second))  # trained from what it took the place of
    assert facts_of_file(second).parent == Parent("second.safetensors", "")


def test_weights_trained_from_those_of_the_hub_name_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CVP_CACHE", str(tmp_path / "cache"))
    model = cvp_core.create_model("linear", num_classes=2)
    pulled = tmp_path / "cache" / "hub" / "me" / "shop" / "model.safetensors"
    cvp_core.save(pulled, model, classes=("a", "b"), training={"licence": "MIT"})
    cvp_core.save(tmp_path / "w.safetensors", model, classes=("a", "b"), parent="hf://me/shop")
    assert facts_of_file(tmp_path / "w.safetensors").parent == Parent("hf://me/shop", "MIT", "hf://me/shop")
    assert yaml.safe_load(card_of_file(tmp_path / "w.safetensors").split("---\n")[1])["base_model"] == "me/shop"


def test_a_file_alone_says_what_is_not_known(run: TrainResult) -> None:
    text = card_of_file(run.run / "best.safetensors", "linear-shades")
    assert f"top-1 accuracy {100 * (run.top1 or 0):.1f} %. On how many pictures is not known" in text
    assert "The run is not here" in text
    assert "secret-name" not in text
    assert ModelCard(text).data.eval_results


def test_another_address_leaves_what_was_written_by_hand(card: str) -> None:
    edited = card.replace("## Limits\n", "## Limits\n\n- Never tested at night.\n")
    moved = with_address(edited, "hf://me/shades")
    assert "cvp predict hf://me/shades photo.jpg" in moved
    assert "cvp predict linear-shades" not in moved
    assert "With cvp-cli and cvp-classic installed:" in moved
    assert "- Never tested at night." in moved
    assert moved.partition("## Training")[2] == edited.partition("## Training")[2]
    assert with_address("# no such part\n", "hf://me/shades") == "# no such part\n"
