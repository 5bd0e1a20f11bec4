"""A stranger's plugin: written by `cvp plugins new`, built as a wheel, installed, used by every command, removed."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from environments import Environment
from PIL import Image

from cvp_cli.main import main


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strangers")
    assert main(["plugins", "new", "foonet", "--into", str(folder)]) == 0
    return folder / "cvp-foonet"


@pytest.mark.slow
def test_a_new_plugin_is_built_installed_used_and_removed(package: Path, tmp_path: Path) -> None:
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path / "dist"), str(package)]
    subprocess.run([sys.executable, "-m", "pip", *build], check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").iterdir()
    stranger = Environment(tmp_path / "venv")
    assert stranger.run("-m", "cvp_cli", "info", "foonet_small").returncode == 2
    stranger.pip("install", "--no-deps", "--no-index", str(wheel))

    listed = json.loads(stranger.cvp("list-models", "foonet*", "--json"))
    assert [row["name"] for row in listed] == ["foonet_base", "foonet_small"]
    assert listed[0]["distribution"] == "cvp-foonet"
    assert "142,680" in stranger.cvp("info", "foonet")
    for name, shade in (("dark", 40), ("light", 200)):
        (tmp_path / "data" / name).mkdir(parents=True)
        for index in range(10):
            noise = np.random.default_rng(index).integers(shade - 30, shade + 30, (16, 16, 3))
            Image.fromarray(noise.astype(np.uint8)).save(tmp_path / "data" / name / f"{index}.png")
    folders = ["--runs-dir", str(tmp_path / "runs"), "--weights-dir", str(tmp_path / "store"), "--name", "shades"]
    settings = ["--data", str(tmp_path / "data"), "--epochs", "4", "--image-size", "16", "--batch-size", "4"]
    result = json.loads(stranger.cvp("train", "foonet", *settings, *folders, "--json"))
    answers = json.loads(
        stranger.cvp("predict", result["weights"], str(tmp_path / "data" / "dark" / "0.png"), "--json")
    )
    assert {guess["label"] for guess in answers[0]["predictions"]} == {"dark", "light"}

    tests = stranger.run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "tests", cwd=package)
    assert tests.returncode == 0, tests.stdout[-3000:]

    stranger.pip("uninstall", "-y", "cvp-foonet")
    assert json.loads(stranger.cvp("list-models", "foonet*", "--json")) == []
    gone = stranger.run("-m", "cvp_cli", "predict", result["weights"], "x.png")
    assert gone.returncode == 2
    assert "needs the model 'foonet_small' of cvp-foonet 0.1" in gone.stderr
    assert "pip install cvp-foonet" in gone.stderr


def test_the_new_package_imports_only_public_names(package: Path) -> None:
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("cvp_"):
                public = set(import_module(node.module or "").__all__)
                assert {alias.name for alias in node.names} <= public, path


@pytest.mark.parametrize("name", ["Foo", "1net", "a_b", "../x", ""])
def test_a_bad_name_is_refused_and_nothing_is_written(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plugins", "new", name, "--into", str(tmp_path)]) == 2
    assert "is no plugin name" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_package_that_is_there_is_not_touched(package: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plugins", "new", "foonet", "--into", str(package.parent)]) == 2
    assert "is there already" in capsys.readouterr().err
