"""What `cvp plugins new` writes and what it refuses; test_readme_plugin.py builds, installs, uses and removes it."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest

from cvp_cli.main import main


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("strangers")
    assert main(["plugins", "new", "foonet", "--into", str(folder)]) == 0
    return folder / "cvp-foonet"


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
