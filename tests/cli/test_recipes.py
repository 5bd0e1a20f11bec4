"""`cvp recipes` at the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib

import pytest

from cvp_cli.main import main
from cvp_core.train.cookbook import SPECS
from cvp_core.train.recipes import find_recipe


def test_the_list_names_each_recipe_with_its_model_and_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "list"]) == 0
    screen = capsys.readouterr().out.splitlines()
    assert screen[0].split() == ["RECIPE", "MODEL", "DATA", "WHAT"]
    lines = {line.split()[0]: line for line in screen[1:-1]}
    assert lines.keys() == {spec.name for spec in SPECS}
    assert lines["birds-dpn"].split()[1:3] == ["dpn98", "birds"]
    assert lines["food-resnet152"].split()[1:3] == ["resnet152", "yours"]
    assert screen[-1].startswith(f"{len(SPECS)} recipes; `cvp recipes show NAME`")


def test_json_has_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "list", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["birds-dpn"]["settings"]["optimizer"] == "adam"
    assert rows["birds-dpn"].keys() == {"name", "summary", "settings", "source", "distribution"}


def test_what_is_shown_is_toml_with_its_source_and_its_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "show", "catsdogs-vgg16-frozen"]) == 0
    screen = capsys.readouterr().out
    assert "# from  PyTorch tutorial" in screen
    assert "# run   cvp train --recipe catsdogs-vgg16-frozen --data DATA --weights FILE" in screen
    assert tomllib.loads(screen) == find_recipe("catsdogs-vgg16-frozen")


def test_an_unknown_recipe_is_told_with_near_misses(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recipes", "show", "bird-dpn"]) == 2
    assert "no recipe 'bird-dpn'. Did you mean 'birds-dpn'?" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["recipes", "list"], ["recipes", "show", "birds-dpn"]])
def test_listing_and_showing_import_no_torch(arguments: list[str]) -> None:
    run = f"import sys; from cvp_cli.main import main; assert main({arguments}) == 0"
    subprocess.run([sys.executable, "-c", f"{run}; assert 'torch' not in sys.modules"], check=True, capture_output=True)
