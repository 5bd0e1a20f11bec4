"""The README's section on plugins, done literally in a new environment, and what a stranger's plugin leaves there."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from environments import Environment

from cvp_core.data import open_data

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks() -> list[tuple[str, str]]:
    """(language, text) of each block of the section."""
    section = README.read_text().partition("## Write a plugin in ten minutes\n")[2].partition("\n## ")[0]
    return [(match[1], match[2]) for match in BLOCK.finditer(section)]


def changed(source: str, replacement: str) -> str:
    """`source` with `replacement` in place of the assignment to the same name."""
    (new,) = ast.parse(replacement).body
    assert isinstance(new, ast.Assign)
    target = ast.unparse(new.targets[0])
    for old in ast.parse(source).body:
        if isinstance(old, ast.Assign) and ast.unparse(old.targets[0]) == target:
            lines = source.splitlines()
            lines[old.lineno - 1 : old.end_lineno] = replacement.splitlines()
            return "\n".join(lines) + "\n"
    raise AssertionError(f"nothing assigns {target}")


def commands_of(environment: Environment) -> None:
    """`pip` and `cvp` of an environment that inherits both without their scripts."""
    for name, module in (("pip", "pip"), ("cvp", "cvp_cli")):
        script = environment.folder / "bin" / name
        script.write_text(f'#!/bin/sh\nexec "{environment.python}" -P -m {module} "$@"\n')
        script.chmod(0o755)


def follow(language: str, text: str, folder: Path, variables: dict[str, str]) -> None:
    """Runs a shell block, finds an excerpt in its file, or changes the file as it says."""
    if language == "sh":
        done = subprocess.run(
            ["sh", "-ex", "-c", text],
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}\n{done.stderr}"
        return
    head, _, body = text.partition("\n")
    name, _, change = head.removeprefix("# ").partition(", ")
    path = folder / name
    if change:
        path.write_text(changed(path.read_text(), body))
    else:
        assert body in path.read_text(), f"{name} does not hold\n{body}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stranger")


@pytest.fixture(scope="module")
def stranger(place: Path) -> Environment:
    """An environment in which all of the section was done, in the folder `work`, with the store `weights` beside it."""
    environment = Environment(place / "venv")
    commands_of(environment)
    variables = {
        **environment.variables,
        "CVP_CACHE": os.environ["CVP_CACHE"],  # where the birds may be painted already
        "CVP_WEIGHTS": str(place / "weights"),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # to pip, the value of `build isolation`
        "VIRTUAL_ENV": str(environment.folder),
    }
    (place / "work").mkdir()
    for language, text in blocks():
        follow(language, text, place / "work", variables)
    return environment


@pytest.mark.slow
def test_every_block_does_what_the_section_says(stranger: Environment, place: Path) -> None:
    kinds = [language for language, _ in blocks()]
    assert kinds == ["sh", "toml", "python", "python", "python", "python", "sh", "sh", "sh"]
    assert "cvp-foonet @ file:" in (place / "work" / "plugins.txt").read_text()
    assert os.listdir(place / "weights") == ["foonet_narrow-birds.safetensors"]
    listed = json.loads(stranger.cvp("list-models", "foonet*", "--json"))
    assert [row["name"] for row in listed] == ["foonet_base", "foonet_narrow", "foonet_small"]
    assert listed[0]["distribution"] == "cvp-foonet"
    assert "142,680" in stranger.cvp("info", "foonet")


def test_the_packages_own_tests_pass(stranger: Environment, place: Path) -> None:
    settings = ["-q", "-p", "no:cacheprovider", "-c", "/dev/null"]
    tests = stranger.run("-m", "pytest", *settings, "tests", cwd=place / "work" / "cvp-foonet")
    assert tests.returncode == 0, tests.stdout[-3000:]


def test_its_weights_predict_and_once_it_is_removed_say_what_they_need(stranger: Environment, place: Path) -> None:
    weights = str(place / "weights" / "foonet_narrow-birds.safetensors")
    splits = open_data("birds")
    (row,) = json.loads(stranger.cvp("predict", weights, splits.train.path(0), "--json"))
    assert {guess["label"] for guess in row["predictions"]} == set(splits.classes)

    stranger.pip("uninstall", "-y", "cvp-foonet")
    assert json.loads(stranger.cvp("list-models", "foonet*", "--json")) == []
    assert stranger.run("-m", "cvp_cli", "info", "foonet_small").returncode == 2
    gone = stranger.run("-m", "cvp_cli", "predict", weights, "x.png")
    assert gone.returncode == 2
    assert "needs the model 'foonet_narrow' of cvp-foonet 0.1" in gone.stderr
    assert "pip install cvp-foonet" in gone.stderr
