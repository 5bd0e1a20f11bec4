"""The weights that the repository ships: the very files of the manifest, few bytes, and as good as it says."""

from __future__ import annotations

import subprocess
from functools import cache
from pathlib import Path

import pytest
from scipy.stats import binom

import cvp_core
from cvp_core.data import ArraySet
from cvp_core.data.idx import read_idx
from cvp_core.data.mnist import DEBIAN_FASHION_MNIST
from cvp_core.data.named import CLOTHES
from cvp_core.evaluate import evaluate
from cvp_core.weights.manifest import check_entry, read_manifest

ROOT = Path(__file__).parents[1]
STORE = ROOT / "weights"
SHIPPED = read_manifest(STORE)
MOST_BYTES = 5_000_000
MOST_PICTURES = 2000
FEWER = 500  # for a file of more than half a megabyte, which takes seconds for them


@cache
def pictures() -> ArraySet:
    """The first test pictures of Debian's package, else the 200 of them that lie beside this file."""
    name = "t10k-{}-ubyte.gz"
    folders = (DEBIAN_FASHION_MNIST, Path(__file__).with_name("fashion_mnist_200"))
    folder = next(folder for folder in folders if (folder / name.format("images-idx3")).is_file())
    pixels = read_idx(folder / name.format("images-idx3"), 3)[:MOST_PICTURES]
    return ArraySet(pixels, read_idx(folder / name.format("labels-idx1"), 1)[:MOST_PICTURES])


def test_the_classic_nets_and_a_densenet_are_shipped() -> None:
    models = {entry.model for entry in SHIPPED.values()}
    assert models >= {"linear", "mlp", "oneconv", "multilayer_cnn", "lenet", "densenet_bc_40_12"}


def test_all_together_are_small() -> None:
    assert sum(entry.bytes for entry in SHIPPED.values()) < MOST_BYTES


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_file_is_the_one_that_was_measured(name: str) -> None:
    assert check_entry(STORE, SHIPPED[name]) == ""


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_file_is_as_good_as_the_manifest_says(name: str) -> None:
    """Within what chance does to so many pictures in 99 of 100 draws: the manifest counted all 10,000."""
    entry = SHIPPED[name]
    assert (entry.data, entry.split, entry.samples) == ("fashion-mnist", "test", 10_000)
    images = pictures() if entry.bytes < 500_000 else pictures().subset(range(min(FEWER, len(pictures()))))
    found = evaluate(cvp_core.load(STORE / entry.file), images, CLOTHES)
    low, high = binom.interval(0.99, found.samples, entry.top1)
    assert low <= round(found.top1 * found.samples) <= high


@pytest.mark.parametrize("name", SHIPPED)
def test_the_command_of_a_shipped_file_is_in_the_readme_and_can_be_typed(name: str) -> None:
    from cvp_cli.commands.train import command

    entry = SHIPPED[name]
    assert f"    {entry.command}\n" in (STORE / "README.md").read_text(encoding="utf-8")
    _, verb, *arguments = entry.command.split()
    given = command.make_context(verb, arguments).params
    assert (given["model"], given["data"]) == (entry.model, entry.data)


def test_only_what_the_manifest_names_is_committed() -> None:
    asked = ["git", "ls-files", "weights/*.safetensors"]
    listed = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    assert {Path(path).name for path in listed} <= {entry.file for entry in SHIPPED.values()}


def test_the_pictures_beside_this_file_are_the_first_of_the_whole_set() -> None:
    few = read_idx(Path(__file__).with_name("fashion_mnist_200") / "t10k-images-idx3-ubyte.gz", 3)
    assert len(few) == 200
    assert (few == pictures().pixels[:200]).all()
