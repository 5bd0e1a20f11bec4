"""The README's section on plugins, done literally: every block in its order, in a new environment."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from pathlib import Path

import pytest
from environments import Environment

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


@pytest.mark.slow
def test_every_block_does_what_the_section_says(tmp_path: Path) -> None:
    environment = Environment(tmp_path / "venv")
    commands_of(environment)
    variables = {
        **environment.variables,
        "CVP_CACHE": os.environ["CVP_CACHE"],  # where the birds may be painted already
        "CVP_WEIGHTS": str(tmp_path / "weights"),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # to pip, the value of `build isolation`
        "VIRTUAL_ENV": str(environment.folder),
    }
    folder = tmp_path / "work"
    folder.mkdir()
    kinds = []
    for language, text in blocks():
        kinds.append(language)
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
            continue
        head, _, body = text.partition("\n")
        name, _, change = head.removeprefix("# ").partition(", ")
        path = folder / name
        if change:
            path.write_text(changed(path.read_text(), body))
        else:
            assert body in path.read_text(), f"{name} does not hold\n{body}"
    assert kinds == ["sh", "toml", "python", "python", "python", "python", "sh", "sh", "sh"]
    assert "cvp-foonet @ file:" in (folder / "plugins.txt").read_text()
    assert os.listdir(tmp_path / "weights") == ["foonet_narrow-birds.safetensors"]
